"""The files of a page, by their path in it: read from folders, served, or written to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gislr.evaluation.figures.clip_figures import DRAWN, LINES
from gislr.utils.paths import atomic_folder

PageFiles = Mapping[str, Path | bytes]
"""By path relative to the page, with slashes: a file, or its content."""

INDEX = "index.html"

_SHARED = Path(__file__).with_name("files")


def files_of(folder: Path, prefix: str = "", patterns: Sequence[str] = ("*",)) -> PageFiles:
    """Returns the files of a folder that match one of the patterns.

    Args:
        folder: Where they lie.
        prefix: The folder of the page in which they are; its root when empty.
        patterns: Relative to the folder.
    """
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    start = f"{prefix}/" if prefix else ""
    return {start + path.relative_to(folder).as_posix(): path for path in paths if path.is_file()}


def page_and_shared(page: Path) -> PageFiles:
    """Returns the files of a page's own folder, and those that pages share."""
    return {**files_of(_SHARED), **files_of(page)}


def write_page(files: PageFiles, folder: Path) -> int:
    """Writes a page into a folder, which appears whole or not at all; returns its size in bytes."""
    size = 0
    with atomic_folder(folder) as beside:
        for name, file in files.items():
            content = file if isinstance(file, bytes) else file.read_bytes()
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).write_bytes(content)
            size += len(content)
    return size


def drawing() -> dict[str, Any]:
    """Returns the landmarks to draw, and chains of places among them by part."""
    return {
        "rows": DRAWN.tolist(),
        "chains": {
            part: [np.searchsorted(DRAWN, chain).tolist() for chain in chains]
            for part, chains in LINES.items()
        },
    }
