"""Manifests: a CSV or parquet file with a row for each clip, wherever its landmarks lie.

Columns: `path` (from the manifest's folder) and `sign`; if known, `signer`, `split` (train, val,
test) and `start` and `end`, frames from 0, the end not included. The listing keeps other columns.
Excel's CSV files are read as they are: semicolons or tabs, a byte order mark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.clip_files import READERS, VIDEO_SUFFIXES
from gislr.data.landmark_layouts import layout_named
from gislr.data.listing import Listing, Problems, bad_paths, raise_problems
from gislr.data.manifest_rows import read_csv_text
from gislr.data.preparation import PreparationSettings
from gislr.data.sources import SOURCES, DataSource, Progress
from gislr.utils.errors import DataError
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Text

REQUIRED = ("path", "sign")
SPLIT_OF = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
} | dict.fromkeys(("val", "valid", "validation", "dev"), "val")
"""What a manifest may call the parts of a published split, and what they are called here."""


@SOURCES.register("clips")
class Clips(DataSource):
    """The clips of a manifest.

    Attributes:
        manifest: The CSV or parquet file; a relative one counts from the working directory.
        root: The folder that its paths count from; the manifest's own when `None`.
        layout: The landmarks of arrays: a name of `LAYOUTS` or a list of groups, see `layout_of`;
            by their number when `None`.
    """

    manifest: Text
    root: Text | None
    layout: str | list[str | dict[str, int | list[int]]] | None

    def listing(self, preparation: PreparationSettings, progress: Progress) -> Listing:
        root = None if self.root is None else resolve_here(self.root)
        layout = None if self.layout is None else layout_named(self.layout)
        return replace(read_manifest(resolve_here(self.manifest), root), layout=layout)


def read_manifest(
    path: Path, root: Path | None = None, suffixes: Sequence[str] = tuple(READERS)
) -> Listing:
    """Reads and checks a manifest; no clip is opened.

    Args:
        path: The CSV or parquet file.
        root: The folder that its paths count from; the manifest's own when `None`.
        suffixes: Of the files that it may list, by default those of landmarks.

    Raises:
        DataError: Anything is missing or contradicts itself; one sentence for each kind.
    """
    columns = _read_table(path)
    root = path.parent if root is None else root
    paths, signs = columns.pop("path"), columns.pop("sign")
    signers = columns.pop("signer", [""] * len(paths))
    splits = columns.pop("split", [""] * len(paths))
    starts, ends = columns.pop("start", None), columns.pop("end", None)
    spans = np.stack([_frames(starts, 0, len(paths)), _frames(ends, -1, len(paths))], axis=1)
    outside, missing = bad_paths(root, paths)
    unread = [p for p in paths if not p.lower().endswith(tuple(suffixes))]
    problems: Problems = {
        ("Rows without a sign, by line", "Name it, or remove the row."): _lines(signs, ""),
        ("Paths that leave the data root", f"Every path must stay inside {root}."): outside,
        ("Missing files", f"Put them under {root}, or remove their rows."): missing,
        (
            "Videos",
            f"Find their landmarks with gislr extract {path.name} output=FOLDER, which writes a "
            "manifest of them.",
        ): [p for p in unread if p.lower().endswith(VIDEO_SUFFIXES)],
        ("Files of another format", f"A file must end in {', '.join(suffixes)}."): [
            p for p in unread if not p.lower().endswith(VIDEO_SUFFIXES)
        ],
        (
            "Rows whose start or end is no frame, by line",
            "Frames are whole numbers from 0, and the end comes behind the start.",
        ): [str(k + 2) for k in np.flatnonzero(_unusable(spans))],
        ("Unknown splits", f"Use {', '.join(dict.fromkeys(SPLIT_OF.values()))}."): sorted(
            {split for split in splits if split and split.lower() not in SPLIT_OF}
        ),
        (
            "Rows without a split beside rows that have one, by line",
            "Name every clip's split, or none.",
        ): _lines(splits, "") if any(splits) else [],
        (
            "Rows without a signer beside rows that have one, by line",
            "Name every clip's signer, or none.",
        ): _lines(signers, "") if any(signers) else [],
        (
            "Signers that differ only in capital letters",
            "Write each signer in one way: signers are kept apart by name.",
        ): _same_but_for_case(signers),
        (
            "Clips that stand in several rows",
            "Keep one row for each, or tell them apart by start and end.",
        ): _repeated(paths, spans, signs),
    }
    raise_problems(problems)
    known = sorted(set(signs))
    index = {sign: label for label, sign in enumerate(known)}
    return Listing(
        root,
        paths,
        signers,
        np.array([index[sign] for sign in signs], np.int32),
        known,
        splits=[SPLIT_OF.get(split.lower(), "") for split in splits],
        spans=spans,
        columns=columns,
    )


def _read_table(path: Path) -> dict[str, list[str]]:
    """Returns the columns as text without surrounding spaces."""
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            table = pd.read_parquet(path)
        else:
            text, delimiter = read_csv_text(path)
            table = pd.read_csv(StringIO(text), sep=delimiter, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise DataError(f"data.manifest must name a CSV or parquet file; {path} is none.") from None
    except (OSError, ValueError) as error:  # pandas' and Arrow's own are ValueErrors
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise DataError(f"{path} could not be read as a manifest: {reason}") from None
    columns = {
        str(name).strip().lower(): ["" if value is None else str(value).strip() for value in column]
        for name, column in table.astype(object).where(table.notna(), None).items()
    }
    lacking = [name for name in REQUIRED if name not in columns]
    if lacking:
        raise DataError(
            f"{path} must have the columns {' and '.join(REQUIRED)}; {', '.join(lacking)} missing. "
            f"Its columns are {', '.join(columns)[:200]}."
        )
    if not len(table):
        raise DataError(f"{path} must list at least one clip; it lists none.")
    return columns


def _frames(column: list[str] | None, default: int, rows: int) -> NDArray[np.int64]:
    """Returns a column of frame numbers; `default` where empty, -2 where it holds no number."""
    values = [""] * rows if column is None else column
    return np.array([_frame(value, default) for value in values], np.int64)


def _frame(value: str, default: int) -> int:
    if not value:
        return default
    whole = value.removesuffix(".0")
    return int(whole) if whole.isdecimal() and len(whole) < 10 else -2


def _unusable(spans: NDArray[np.int64]) -> NDArray[np.bool_]:
    start, end = spans.T
    return (start < 0) | (end < -1) | ((end >= 0) & (end <= start))


def _lines(values: list[str], wanted: str) -> list[str]:
    return [str(row + 2) for row, value in enumerate(values) if value == wanted]


def _same_but_for_case(names: list[str]) -> list[str]:
    spellings: dict[str, set[str]] = defaultdict(set)
    for name in names:
        spellings[name.casefold()].add(name)
    return ["/".join(sorted(found)) for found in spellings.values() if len(found) > 1]


def _repeated(paths: list[str], spans: NDArray[np.int64], signs: list[str]) -> list[str]:
    rows: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for path, span, sign in zip(paths, spans.tolist(), signs, strict=True):
        rows[path, *span].append(sign)
    return [f"{key[0]}: {', '.join(found)}" for key, found in rows.items() if len(found) > 1]
