"""Balanced sampling: how often each sign comes in a batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gislr.utils.errors import SettingError
from gislr.utils.settings import Positive, Probability, Settings


class BatchSettings(Settings):
    """What a batch holds.

    Attributes:
        samples_per_class: How many clips of every sign.
        size: How many clips in all, whatever the number of signs; `None` for the product of
            `samples_per_class` and the signs.
        also_size: How many clips of `data.also` are added; as many as of the data when `None`.
        class_balance: See `BalancedSampler`.
    """

    samples_per_class: Positive
    size: Positive | None
    also_size: Positive | None = None
    class_balance: Probability


class BalancedSampler:
    """Draws clips with replacement, `samples_per_class` of every sign that has clips.

    Args:
        labels: int32 [clips], the labels of the clips to draw from.
        samples_per_class: How many of each sign a batch holds, at least 1; on average, unless
            `class_balance` is 1 and `size` is `None`.
        size: How many clips a batch holds instead: signs come as `class_balance` says on average.
        class_balance: With 1 every sign comes equally often, with 0 as often as it has clips;
            between them, as often as that number to the power of 1 - `class_balance`.

    Attributes:
        batch_size: Number of clips of a batch.

    Raises:
        SettingError: There is no clip.
    """

    def __init__(
        self,
        labels: NDArray[np.int32],
        samples_per_class: int,
        class_balance: float = 1.0,
        size: int | None = None,
    ) -> None:
        if not len(labels):
            raise SettingError("A batch needs clips to draw from; there is none.")
        self._by_label = np.argsort(labels, kind="stable")
        counts = np.bincount(labels)
        present = np.flatnonzero(counts)
        self._counts = np.repeat(counts[present], samples_per_class)
        starts = np.concatenate([[0], np.cumsum(counts)])[present]
        self._starts = np.repeat(starts, samples_per_class)
        often = counts[labels] ** -class_balance
        exact = class_balance == 1 and size is None
        self._upto = None if exact else np.cumsum(often / often.sum())
        self.batch_size = len(self._counts) if size is None else size

    def draw(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Returns the positions of one batch's clips among `labels`, int64 [clips a batch]."""
        if self._upto is None:
            return self._by_label[self._starts + generator.integers(self._counts)]
        drawn = np.searchsorted(self._upto, generator.random(self.batch_size), side="right")
        return np.minimum(drawn, len(self._upto) - 1)
