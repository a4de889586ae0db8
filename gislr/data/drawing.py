"""Some clips of each sign, drawn at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def draw_clips(
    clips: NDArray[np.int64], labels: NDArray[np.int32], count: int | None, seed: int
) -> NDArray[np.int64]:
    """Draws some clips of each sign.

    Args:
        clips: int64, rows.
        labels: int32, the label of every row.
        count: How many of each sign, all of those that have fewer; all when `None`.
        seed: Decides which. A larger draw of the same seed holds the smaller ones.

    Returns:
        int64, rows in ascending order.

    Example:
        >>> labels = np.array([0, 0, 0, 1], np.int32)
        >>> draw_clips(np.arange(4), labels, 1, seed=0).tolist()
        [2, 3]
    """
    if count is None:
        return clips
    shuffled = np.random.default_rng(seed).permutation(clips)
    by_sign = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, first, counts = np.unique(labels[by_sign], return_index=True, return_counts=True)
    place = np.arange(len(by_sign)) - np.repeat(first, counts)
    return np.sort(by_sign[place < count])
