"""AUTSL: 226 signs of Turkish Sign Language by 43 signers, each clip a video.

Source: Sincan and Keles 2020, "AUTSL: A Large Scale Multi-Modal Turkish Sign Language Dataset and
Baseline Methods", https://arxiv.org/abs/2008.00932; the challenge's page,
https://chalearnlap.cvc.uab.cat/dataset/40/description: 31, 6 and 6 signers, rows `signerX_sampleY,
label` without a header, videos `signerX_sampleY_color.mp4`. `SignList_ClassId_TR_EN.csv` has the
columns `ClassId`, `TR`, `EN`; signs are called by their English names, which are all different.

The archives unpack to `train/`, `val/` and `test/`. The labels of train are `train_labels.csv`;
those of the others came as `ground_truth.csv` in archives of their own. Users rename them in ways
that differ, so several are tried, and a part without labels is left out. What the test's archive
holds could not be seen, only what scripts do with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from gislr.data.importers import IMPORTERS, Importer, ListedClip, not_as_published, read_csv_rows
from gislr.utils.errors import DataError

SIGNS = "SignList_ClassId_TR_EN.csv"
LABELS = {
    "train": ("train_labels.csv", "train/train_labels.csv"),
    "val": (
        *("val_labels.csv", "validation_labels.csv"),
        *("val/validation_labels.csv", "val/ground_truth.csv"),
    ),
    "test": ("test_labels.csv", "test/test_labels.csv", "test/ground_truth.csv"),
}
"""By split, where its labels may lie; the first one that exists counts."""


@IMPORTERS.register("autsl")
class Autsl(Importer):
    """AUTSL as the challenge published it, color only. Its split keeps signers apart."""

    def listed(self, root: Path, files: Mapping[str, Path]) -> Iterator[ListedClip]:
        """See `Importer.listed`."""
        signs = _signs(root / SIGNS)
        found = {
            split: next((root / name for name in names if (root / name).is_file()), None)
            for split, names in LABELS.items()
        }
        if not any(found.values()):
            raise DataError(f"Labels are expected in {root}: {LABELS['train'][0]} and others.")
        for split, path in found.items():
            for row in read_csv_rows(path) if path else []:
                match = re.fullmatch(r"(signer\d+)_sample\d+", row[0])
                if len(row) != 2 or not match or row[1] not in signs:
                    raise not_as_published(
                        path or root, f"rows must be signerX_sampleY,label; one is {row}"
                    )
                yield ListedClip(f"{row[0]}_color", signs[row[1]], match[1], split)


def _signs(path: Path) -> dict[str, str]:
    header, *rows = read_csv_rows(path) or [[]]
    if header != ["ClassId", "TR", "EN"] or any(len(row) != 3 for row in rows):
        raise not_as_published(path, "it must have the columns ClassId, TR, EN")
    return {number: english for number, _, english in rows}
