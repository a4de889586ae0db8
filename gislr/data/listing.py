"""Lists the clips of a folder in the layout of Kaggle's "Isolated Sign Language Recognition".

A folder holds `train.csv` (path, participant_id, sequence_id, sign), the label map
`sign_to_prediction_index_map.json` and one parquet file a clip with 543 rows a frame. Problems are
gathered and told together, one sentence for each kind.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.label_map import LABEL_MAP, read_label_map
from gislr.utils.errors import DataError

LISTING = "train.csv"
LISTING_COLUMNS = ("path", "participant_id", "sequence_id", "sign")

_EXAMPLES_SHOWN = 3


@dataclass(frozen=True)
class Listing:
    """The clips of a folder, in the order of its `train.csv`.

    Attributes:
        root: The folder.
        paths: Each clip's file, relative to the root.
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


def summarize(count: int, what: str, examples: Iterable[str], remedy: str) -> str:
    """Returns one sentence on a kind of problem: how many, the first few, what to do."""
    shown = [ascii(text)[1:-1][:120] for text in list(examples)[:_EXAMPLES_SHOWN]]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return f"{what}: {count} ({', '.join(shown)}{more}). {remedy}"


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
    problems = [
        *_unknown_signs(columns["sign"], labels),
        *_duplicate_sequences(columns["sequence_id"]),
        *_empty_signers(columns["participant_id"]),
        *_bad_paths(root, columns["path"]),
    ]
    if problems:
        raise DataError(problems)
    return Listing(
        root=root,
        paths=columns["path"],
        signers=columns["participant_id"],
        sequences=columns["sequence_id"],
        labels=labels,
        signs=signs,
    )


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
        raise DataError(f"{path} could not be read as a CSV file: {_first_line(error)}") from None
    missing = [name for name in LISTING_COLUMNS if name not in columns]
    if missing:
        raise DataError(
            f"{path} must have the columns {', '.join(LISTING_COLUMNS)}; "
            f"{', '.join(missing)} missing. Add them to its first line."
        )
    if table.num_rows == 0:
        raise DataError(f"{path} must list at least one clip; it lists none.")
    return {name: table.column(name).to_pylist() for name in LISTING_COLUMNS}


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def _unknown_signs(signs: Sequence[str], labels: NDArray[np.int32]) -> list[str]:
    unknown = sorted({signs[row] for row in np.flatnonzero(labels < 0).tolist()})
    if not unknown:
        return []
    remedy = f"Add them to {LABEL_MAP} or take their clips out of {LISTING}."
    return [summarize(len(unknown), "Signs that the label map does not hold", unknown, remedy)]


def _duplicate_sequences(sequences: Sequence[str]) -> list[str]:
    values, counts = np.unique(np.array(sequences, dtype=object), return_counts=True)
    twice = values[counts > 1].tolist()
    if not twice:
        return []
    remedy = f"Every clip of {LISTING} needs a sequence_id of its own."
    return [summarize(len(twice), "Duplicate sequence ids", twice, remedy)]


def _empty_signers(signers: Sequence[str]) -> list[str]:
    rows = [str(row + 2) for row, signer in enumerate(signers) if not signer.strip()]
    if not rows:
        return []
    remedy = f"Name the participant_id in these lines of {LISTING}: signers are kept apart by it."
    return [summarize(len(rows), "Clips without a signer, by line", rows, remedy)]


def _bad_paths(root: Path, paths: Sequence[str]) -> list[str]:
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
        present = file_stats(root / folder)
        if present and not (root / folder).resolve().is_relative_to(real_root):
            outside += members
            continue
        for path in members:
            stat = present.get(path.rpartition("/")[2])
            if stat is None:
                missing.append(path)
            elif stat.is_link and not (root / path).resolve().is_relative_to(real_root):
                outside.append(path)
    problems = []
    if outside:
        remedy = f"Every path of {LISTING} must be relative and stay inside {root}."
        problems.append(summarize(len(outside), "Paths that leave the data root", outside, remedy))
    if missing:
        remedy = f"Put them under {root} or take their clips out of {LISTING}."
        problems.append(summarize(len(missing), "Missing files", missing, remedy))
    return problems


@dataclass(frozen=True)
class FileStat:
    """What tells two versions of a file apart without reading it."""

    size: int
    modified: int
    is_link: bool


def file_stats(folder: Path) -> dict[str, FileStat]:
    """Returns the files of a folder by name; empty when there is no such folder."""
    stats = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file():
                    stat = entry.stat()
                    stats[entry.name] = FileStat(stat.st_size, stat.st_mtime_ns, entry.is_symlink())
    except OSError:
        return {}
    return stats
