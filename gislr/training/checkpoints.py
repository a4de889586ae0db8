"""Where a training stood after its last epochs, kept on disk until it has ended."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.utils.paths import atomic_file

KEPT = 2
_HISTORY = "history"


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stood.

    Attributes:
        state: What `TrainingLoop.state` returned.
        history: A value an epoch of every metric.
    """

    state: dict[str, NDArray[Any]]
    history: dict[str, list[float]]


class Checkpoints:
    """The checkpoints of one training, the last two of which are kept.

    Each is an .npz, written beside its place and renamed; its parts carry checksums, so that a cut
    or changed one is recognized, and the one before is used.

    Args:
        folder: Where they lie; holds nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(
        self, epochs: int, state: Mapping[str, NDArray[Any]], history: Mapping[str, Sequence[float]]
    ) -> None:
        """Keeps where the training stands.

        Args:
            epochs: How many are done.
            state: What `TrainingLoop.state` returned.
            history: A value an epoch of every metric.

        Raises:
            OSError: It cannot be written; those before it are still there.
        """
        with atomic_file(self._folder / f"{epochs:06d}.npz") as path, path.open("wb") as file:
            arrays: Any = {_HISTORY: np.array(json.dumps(history)), **state}
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        for old in self._newest_first()[KEPT:]:
            old.unlink()

    def newest(self) -> Checkpoint | None:
        """Returns the newest whole one, or `None`."""
        for path in self._newest_first():
            try:
                with np.load(path, allow_pickle=False) as arrays:
                    state = dict(arrays)
                return Checkpoint(state, json.loads(str(state.pop(_HISTORY))))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("*.npz"), reverse=True)
