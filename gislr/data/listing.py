"""Lists the clips of a folder in the layout of Kaggle's "Isolated Sign Language Recognition".

A folder holds `train.csv` (path, participant_id, sequence_id, sign), the label map
`sign_to_prediction_index_map.json` and one parquet file for each clip, 543 rows for each frame.
Problems are reported together, one sentence for each kind.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.label_map import LABEL_MAP, read_label_map
from gislr.utils.errors import DataError

LISTING = "train.csv"
LISTING_COLUMNS = ("path", "participant_id", "sequence_id", "sign")

Problems = dict[tuple[str, str], list[str]]
"""By kind and remedy, what has the problem."""

_EXAMPLES_SHOWN = 3
_REMOVE = f"take their clips out of {LISTING}."


@dataclass(frozen=True)
class Listing:
    """Clips and what they show.

    Attributes:
        root: The folder.
        paths: Where each clip lies, relative to the root.
        signers: Each clip's participant, str.
        sequences: Each clip's sequence id, str.
        labels: int32, each clip's index in `signs`.
        signs: The glosses, in the order of the label map.
    """

    root: Path
    paths: list[str]
    signers: list[str]
    sequences: list[str]
    labels: NDArray[np.int32]
    signs: list[str]
    splits: list[str] = field(default_factory=list)
    spans: NDArray[np.int64] | None = None
    columns: Mapping[str, list[str]] = field(default_factory=dict)


def read_listing(root: Path) -> Listing:
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
    return Listing(root, paths, signers, sequences, labels, signs)


def raise_problems(problems: Problems) -> None:
    """Raises an error with one sentence for each kind of problem: how many, some, what to do.

    Args:
        problems: By kind and remedy, what has the problem; an empty list is no problem.

    Raises:
        DataError: There is a problem.
    """
    sentences = []
    for (kind, remedy), examples in problems.items():
        shown = [ascii(text)[1:-1][:120] for text in examples[:_EXAMPLES_SHOWN]]
        more = f" and {len(examples) - len(shown)} more" if len(examples) > len(shown) else ""
        if examples:
            sentences.append(f"{kind}: {len(examples)} ({', '.join(shown)}{more}). {remedy}")
    if sentences:
        raise DataError(sentences)


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
    missing = [name for name in LISTING_COLUMNS if name not in columns]
    if missing:
        raise DataError(
            f"{path} must have the columns {', '.join(LISTING_COLUMNS)}; "
            f"{', '.join(missing)} missing. Add them to its first line."
        )
    if table.num_rows == 0:
        raise DataError(f"{path} must list at least one clip; it lists none.")
    return {name: table.column(name).to_pylist() for name in LISTING_COLUMNS}


def bad_paths(root: Path, paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the paths that leave the root, and those of no file."""
    outside, missing = [], []
    by_folder: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        # By hand, since pathlib takes half a minute for a million of them.
        if path.startswith("/") or ".." in path.split("/") or "\\" in path or "\0" in path:
            outside.append(path)
        else:
            by_folder[path.rpartition("/")[0]].append(path)
    real_root = root.resolve()
    for folder, members in by_folder.items():
        present = files_in(root / folder)
        if present and not (root / folder).resolve().is_relative_to(real_root):
            outside += members
            continue
        for path in members:
            file = present.get(path.rpartition("/")[2])
            if file is None:
                missing.append(path)
            elif file.is_symlink() and not (root / path).resolve().is_relative_to(real_root):
                outside.append(path)
    return outside, missing


def files_in(folder: Path) -> dict[str, os.DirEntry[str]]:
    """Returns the files of a folder by name; empty when there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries if entry.is_file()}
    except OSError:
        return {}
