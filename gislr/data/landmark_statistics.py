"""Mean and standard deviation of each landmark, as the reference standardizes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LandmarkSet
from gislr.data.store import Store

Float32 = NDArray[np.float32]

_REPORTS_NAMES = {"hand": "LEFT_HANDS"}
"""Parts of which the report's .npy files have another name."""

_FRAMES_AT_ONCE = 16_384


@dataclass(frozen=True)
class Statistics:
    """What landmarks are standardized with.

    Attributes:
        mean: float32 [landmarks, axes], over the frames in which a landmark was found.
        std: float32 [landmarks, axes]; 1 where it would be 0.
    """

    mean: Float32
    std: Float32


def measure(store: Store, clips: NDArray[np.int64]) -> Statistics:
    """Measures mean and standard deviation of the coordinates that were found in some clips.

    Args:
        store: The prepared data.
        clips: int64, clips that are trained on, never held-out ones.
    """
    count = np.zeros(store.preprocessing.shape)
    total = np.zeros_like(count)
    for values in _blocks(store, clips):
        count += np.count_nonzero(~np.isnan(values), axis=0)
        total += np.nansum(values, axis=0)
    mean = total / np.maximum(count, 1)
    squares = np.zeros_like(count)
    for values in _blocks(store, clips):
        squares += np.nansum((values - mean) ** 2, axis=0)
    std = np.sqrt(squares / np.maximum(count, 1))
    std[std == 0] = 1
    return Statistics(mean.astype(np.float32), std.astype(np.float32))


def sample_frames(store: Store, clips: NDArray[np.int64], most: int = 20_000) -> Float32:
    """Returns float32 [at most `most`, landmarks, axes]: frames of some clips, always the same."""
    rows = _rows(store, clips)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    return store.coordinates(rows)


def parts_never_found(frames: Float32, landmarks: LandmarkSet) -> list[str]:
    """Returns the parts of which no landmark was found in any frame.

    Args:
        frames: float32 [frames, landmarks, axes], NaN where a landmark was not found.
        landmarks: The landmarks' parts.
    """
    return [name for name, places in landmarks.parts.items() if np.isnan(frames[:, places]).all()]


def _blocks(store: Store, clips: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """Yields what models read of clips, float64 [some frames, landmarks, axes], block by block."""
    rows = _rows(store, clips)
    for start in range(0, len(rows), _FRAMES_AT_ONCE):
        yield store.coordinates(rows[start : start + _FRAMES_AT_ONCE]).astype(np.float64)


def _rows(store: Store, clips: NDArray[np.int64]) -> NDArray[np.int64]:
    chosen = np.isin(np.arange(len(store.clips)), clips)
    return np.flatnonzero(np.repeat(chosen, store.clips.lengths))


def write(statistics: Statistics, landmarks: LandmarkSet, folder: Path) -> None:
    """Writes two files a part, as the report did: LIPS_MEAN.npy to POSE_STD.npy."""
    for part, places in landmarks.parts.items():
        name = _REPORTS_NAMES.get(part, part.upper())
        np.save(folder / f"{name}_MEAN.npy", statistics.mean[places])
        np.save(folder / f"{name}_STD.npy", statistics.std[places])
