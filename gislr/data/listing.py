"""Clips and what they show: what each data source lists, and how its problems are told.

Problems are reported together, one sentence for each kind.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.clip_files import read_clip_file
from gislr.data.landmark_layouts import LandmarkLayout
from gislr.utils.errors import DataError

SPLITS = ("train", "val", "test")
"""The parts of a published split."""

Problems = dict[tuple[str, str], list[str]]
"""By kind and remedy, what has the problem."""

_EXAMPLES_SHOWN = 3


@dataclass(frozen=True)
class Listing:
    """Clips and what they show.

    Attributes:
        root: The folder that paths count from.
        paths: Where each clip lies.
        signers: Each clip's signer, str; all empty where the source does not know them.
        labels: int32, each clip's index in `signs`.
        signs: The glosses, in the order of a model's probabilities.
        splits: Each clip's part of a published split: `train`, `val` or `test`; empty without one.
        spans: int64 [clips, 2], first frame of each clip in its file and the frame after the last
            one, -1 for the file's end; `None` when every clip is a whole file.
        columns: Further text of each clip, by name.
        layout: The landmarks of arrays; by their number when `None`.
    """

    root: Path
    paths: list[str]
    signers: list[str]
    labels: NDArray[np.int32]
    signs: list[str]
    splits: list[str] = field(default_factory=list)
    spans: NDArray[np.int64] | None = None
    columns: Mapping[str, list[str]] = field(default_factory=dict)
    layout: LandmarkLayout | None = None

    def read(self, clip: int, wanted: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Reads the landmarks of a clip, see `read_clip_file`.

        Args:
            clip: Which one.
            wanted: int64, which of Holistic's 543 landmarks; all when `None`.

        Raises:
            ClipProblem: Its file cannot be used.
        """
        start, end = (0, -1) if self.spans is None else self.spans[clip].tolist()
        path = self.root / self.paths[clip]
        return read_clip_file(path, wanted, layout=self.layout, span=(start, end))

    @property
    def names(self) -> list[str]:
        """The clips' paths, with the frames of those that are a part of a file."""
        if self.spans is None:
            return self.paths
        return [
            path if (start, end) == (0, -1) else f"{path}[{start}:{'' if end < 0 else end}]"
            for path, (start, end) in zip(self.paths, self.spans.tolist(), strict=True)
        ]

    @property
    def every_column(self) -> dict[str, list[str]]:
        """Text of each clip by name: `signer`, `split` and further columns; empty if unknown."""
        splits = self.splits or [""] * len(self.paths)
        return {"signer": self.signers, "split": splits, **self.columns}

    def described(self) -> dict[str, object]:
        """Returns all of it but the folder, as JSON holds it."""
        return {
            "paths": self.paths,
            "signers": self.signers,
            "labels": self.labels.tolist(),
            "signs": self.signs,
            "splits": self.splits,
            "spans": None if self.spans is None else self.spans.tolist(),
            "columns": dict(self.columns),
            "layout": None if self.layout is None else self.layout.rows.tolist(),
        }

    def part(self, start: int, stop: int) -> Listing:
        """Returns some consecutive clips."""
        rows = slice(start, stop)
        return replace(
            self,
            paths=self.paths[rows],
            signers=self.signers[rows],
            labels=self.labels[rows],
            splits=self.splits[rows],
            spans=None if self.spans is None else self.spans[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
        )


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
