"""Balanced sampling: every sign the same number of times in every batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gislr.errors import SettingError


class BalancedSampler:
    """Draws clips with replacement, `clips_per_sign` of every sign that has clips.

    Args:
        labels: int32 [clips], the labels of the clips to draw from.
        clips_per_sign: How many of each sign a batch holds, at least 1; on average, unless
            `balance` is 1.
        balance: With 1 every sign comes equally often, with 0 as often as it has clips; between
            them, as often as that number to the power of 1 - `balance`.

    Raises:
        SettingError: There is no clip.
    """

    def __init__(
        self, labels: NDArray[np.int32], clips_per_sign: int, balance: float = 1.0
    ) -> None:
        if not len(labels):
            raise SettingError("A batch needs clips to draw from; there is none.")
        self._by_label = np.argsort(labels, kind="stable")
        counts = np.bincount(labels)
        present = np.flatnonzero(counts)
        self._counts = np.repeat(counts[present], clips_per_sign)
        starts = np.concatenate([[0], np.cumsum(counts)])[present]
        self._starts = np.repeat(starts, clips_per_sign)
        often = counts[labels] ** -balance
        self._upto = None if balance == 1 else np.cumsum(often / often.sum())

    @property
    def clips_per_batch(self) -> int:
        """Number of clips of a batch: signs with clips x clips a sign."""
        return len(self._counts)

    def draw(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Returns the positions of one batch's clips among `labels`, int64 [clips a batch]."""
        if self._upto is None:
            return self._by_label[self._starts + generator.integers(self._counts)]
        drawn = np.searchsorted(self._upto, generator.random(self.clips_per_batch), side="right")
        return np.minimum(drawn, len(self._upto) - 1)
