"""ASL Citizen: 2,731 signs of American Sign Language by 52 signers, each clip a video.

Source: Desai et al. 2023, "ASL Citizen: A Community-Sourced Dataset for Advancing Isolated Sign
Language Recognition", https://arxiv.org/abs/2304.05934 and
https://www.microsoft.com/en-us/research/project/asl-citizen.

The archive's folder `ASL_Citizen/` is the root. It holds `videos/*.mp4` and `splits/train.csv`,
`val.csv` and `test.csv` with the columns `Participant ID`, `Video file`, `Gloss`, `ASL-LEX Code`,
as https://github.com/microsoft/ASL-citizen-code reads them. Names of files do not always agree with
the gloss; the column counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gislr.data.importers import (
    IMPORTERS,
    Importer,
    ListedClip,
    not_as_published,
    read_csv_rows,
    stem_of,
)
from gislr.data.listing import SPLITS

COLUMNS = ("Participant ID", "Video file", "Gloss")


@IMPORTERS.register("asl_citizen")
class AslCitizen(Importer):
    """ASL Citizen as its archive holds it. Its split keeps signers apart."""

    videos = "videos"

    def listed(self, root: Path, files: Mapping[str, Path]) -> Iterator[ListedClip]:
        """See `Importer.listed`."""
        for split in SPLITS:
            path = root / "splits" / f"{split}.csv"
            header, *rows = read_csv_rows(path) or [[]]
            if not set(COLUMNS) <= set(header):
                raise not_as_published(path, f"it must have the columns {', '.join(COLUMNS)}")
            signer, video, gloss = (header.index(name) for name in COLUMNS)
            for row in rows:
                if len(row) != len(header):
                    raise not_as_published(path, f"a row has {len(row)} values: {row[:4]}")
                yield ListedClip(stem_of(row[video]), row[gloss], row[signer], split)
