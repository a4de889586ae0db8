"""Folders in the layout of Kaggle's "Isolated Sign Language Recognition".

A folder holds `train.csv` (path, participant_id, sequence_id, sign), the label map
`sign_to_prediction_index_map.json` and one parquet file for each clip, 543 rows for each frame.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gislr.data.label_map import LABEL_MAP, read_label_map
from gislr.data.listing import Listing, Problems, bad_paths, raise_problems
from gislr.utils.errors import DataError

LISTING = "train.csv"
LISTING_COLUMNS = ("path", "participant_id", "sequence_id", "sign")

_REMOVE = f"take their clips out of {LISTING}."


def read_asl_signs(root: Path) -> Listing:
    """Reads and checks `train.csv` and the label map; no landmark file is opened.

    Raises:
        DataError: Anything is missing or contradicts itself; one sentence for each kind.
    """
    if not root.is_dir():
        raise DataError(f"data.root must be a folder that holds {LISTING}; {root} is not a folder.")
    columns = _read_csv(root / LISTING)
    signs = read_label_map(root / LABEL_MAP)
    index = {sign: label for label, sign in enumerate(signs)}
    labels = np.array([index.get(sign, -1) for sign in columns["sign"]], np.int32)
    paths, signers, sequences = (columns[name] for name in LISTING_COLUMNS[:3])
    outside, missing = bad_paths(root, paths)
    known, counts = np.unique(np.array(sequences, dtype=object), return_counts=True)
    problems: Problems = {
        ("Signs that the label map does not hold", f"Add them to {LABEL_MAP} or {_REMOVE}"): sorted(
            set(columns["sign"]) - set(signs)
        ),
        ("Duplicate sequence ids", f"Every clip of {LISTING} needs a sequence_id of its own."): (
            known[counts > 1].tolist()
        ),
        (
            "Clips without a signer, by line",
            f"Name the participant_id in these lines of {LISTING}: signers are kept apart by it.",
        ): [str(row + 2) for row, signer in enumerate(signers) if not signer.strip()],
        (
            "Paths that leave the data root",
            f"Every path of {LISTING} must be relative and stay inside {root}.",
        ): outside,
        ("Missing files", f"Put them under {root} or {_REMOVE}"): missing,
    }
    raise_problems(problems)
    return Listing(root, paths, signers, labels, signs)


def _read_csv(path: Path) -> dict[str, list[str]]:
    import pyarrow as pa
    from pyarrow import csv

    if not path.is_file():
        raise DataError(f"{LISTING} was expected in {path.parent}; there is none. Check data.root.")
    try:
        table = csv.read_csv(
            path,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(LISTING_COLUMNS, pa.string()),
                strings_can_be_null=False,
            ),
        )
        columns = table.column_names
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise DataError(f"{path} could not be read as a CSV file: {reason}") from None
    wrong = [name for name in LISTING_COLUMNS if columns.count(name) != 1]
    if wrong:
        raise DataError(
            f"{path} must have the columns {', '.join(LISTING_COLUMNS)}, each once; "
            f"{', '.join(wrong)} missing or there twice. Mend its first line."
        )
    if table.num_rows == 0:
        raise DataError(f"{path} must list at least one clip; it lists none.")
    return {name: table.column(name).to_pylist() for name in LISTING_COLUMNS}
