"""PopSign ASL v1.0: 250 signs of American Sign Language by 47 signers, filmed by smartphones.

Source: Starner et al. 2023, "PopSign ASL v1.0: An Isolated American Sign Language Dataset Collected
via Smartphones" (NeurIPS, datasets and benchmarks);
https://signdata.cc.gatech.edu/view/datasets/popsign_v1_0. The set is an archive for each sign,
`popsign_v1_0/{game,non-game}/{train,val,test}/SIGN.tar`, which holds `SIGN/*.mp4` (addresses and
files as several public download scripts use them; the page itself could not be seen). The folder
`popsign_v1_0/` is the root. `game` holds the signs that the game means, `non-game` variants and
other signs; `clips=ROOT/non-game` reads these.

Files are `ACCOUNT-SIGN-TIME-NUMBER.mp4`, such as
`gtsignstudy4a.8031-thankyou-2023_01_24_20_27_17.907-0.mp4`. The signer is the number at the end of
the account, whose beginning some names lack (`4a.7003`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gislr.data.importers import IMPORTERS, Importer, ListedClip, not_as_published
from gislr.data.listing import SPLITS


@IMPORTERS.register("popsign")
class PopSign(Importer):
    """PopSign ASL with its archives unpacked where they lie. Its split keeps signers apart."""

    videos = "game"

    def listed(self, root: Path, files: Mapping[str, Path]) -> Iterator[ListedClip]:
        """See `Importer.listed`."""
        for stem, path in files.items():
            split = next((part for part in reversed(path.parts[:-2]) if part in SPLITS), "")
            if not split:
                raise not_as_published(path, "it must lie in a folder train, val or test")
            account = stem.partition("-")[0]
            yield ListedClip(stem, path.parent.name, account.rpartition(".")[2], split)
