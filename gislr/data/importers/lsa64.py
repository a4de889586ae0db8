"""LSA64: 64 signs of Argentinian Sign Language by 10 people, each 5 times.

Source: Ronchetti et al. 2016, "LSA64: An Argentinian Sign Language Dataset",
https://arxiv.org/abs/2310.17429; https://facundoq.github.io/datasets/lsa64, whose table names the
signs.

Videos are `SIGN_PERSON_REPETITION.mp4`, three digits each. The raw version lies in `all/`, the cut
one in `all_cut/`, as https://github.com/midusi/sign_language_datasets reads them. The page does not
say what the three numbers are; others counted 64, 10 and 5 values in them.

There is no official split. The table calls both 02 and 08 "Red"; their numbers tell them apart. By
the page, another person replaced person 10 for the second part of the signs, so 010 is two people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from gislr.data.importers import IMPORTERS, Importer, ListedClip

SIGNS = (
    "Opaque", "Red (02)", "Green", "Yellow", "Bright", "Light-blue", "Colors", "Red (08)",
    "Women", "Enemy", "Son", "Man", "Away", "Drawer", "Born", "Learn", "Call", "Skimmer",
    "Bitter", "Sweet milk", "Milk", "Water", "Food", "Argentina", "Uruguay", "Country",
    "Last name", "Where", "Mock", "Birthday", "Breakfast", "Photo", "Hungry", "Map", "Coin",
    "Music", "Ship", "None", "Name", "Patience", "Perfume", "Deaf", "Trap", "Rice", "Barbecue",
    "Candy", "Chewing-gum", "Spaghetti", "Yogurt", "Accept", "Thanks", "Shut down", "Appear",
    "To land", "Catch", "Help", "Dance", "Bathe", "Buy", "Copy", "Run", "Realize", "Give", "Find",
)  # fmt: skip
"""The names of signs 001 to 064."""


@IMPORTERS.register("lsa64")
class Lsa64(Importer):
    """LSA64, raw or cut. It has no official split."""

    def listed(self, root: Path, files: Mapping[str, Path]) -> Iterator[ListedClip]:
        """See `Importer.listed`."""
        for stem in files:
            match = re.fullmatch(r"(\d{3})_(\d{3})_\d{3}", stem)
            if match and 1 <= int(match[1]) <= len(SIGNS):
                yield ListedClip(stem, SIGNS[int(match[1]) - 1], match[2])
