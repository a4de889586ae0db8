"""The state of a training after its last epochs, kept on disk until the training has ended."""

from __future__ import annotations

import json
import os
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
    """The state of a training after an epoch.

    Attributes:
        state: What `TrainingLoop.state` returned.
        history: Every metric's values, one per epoch.
    """

    state: dict[str, NDArray[Any]]
    history: dict[str, list[float]]


class Checkpoints:
    """The last two checkpoints of one training.

    Each is an .npz that is written atomically; its parts carry checksums. A truncated or changed
    file is skipped, and the checkpoint before it is used.

    Args:
        folder: A folder that holds nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(
        self, epochs: int, state: Mapping[str, NDArray[Any]], history: Mapping[str, Sequence[float]]
    ) -> None:
        """Writes the checkpoint after some epochs and removes all but the last two.

        Raises:
            OSError: It cannot be written; the ones before it remain.
        """
        with atomic_file(self._folder / f"{epochs:06d}.npz") as path, path.open("wb") as file:
            arrays: Any = {_HISTORY: np.array(json.dumps(history)), **state}
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        for old in self._newest_first()[KEPT:]:
            old.unlink()

    def newest(self) -> Checkpoint | None:
        """Returns the newest checkpoint that is intact, or `None`."""
        for path in self._newest_first():
            try:
                with np.load(path, allow_pickle=False) as arrays:
                    state = dict(arrays)
                return Checkpoint(state, json.loads(str(state.pop(_HISTORY))))
            except Exception:  # NumPy and zipfile raise errors of a dozen kinds
                continue
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("*.npz"), reverse=True)
