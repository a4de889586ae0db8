"""Half a cosine, from the full learning rate towards 0."""

from __future__ import annotations

import math

from gislr.training.schedules import SCHEDULES, Schedule
from gislr.utils.settings import Whole


@SCHEDULES.register("cosine")
class Cosine(Schedule):
    """The notebook's: 5e-4 (1 + cos(pi epoch / epochs)) is this at a learning rate of 1e-3."""

    def factor(self, epoch: int, epochs: int) -> float:
        """See `Schedule.factor`."""
        return 0.5 * (1 + math.cos(math.pi * (epoch / max(1, epochs))))


@SCHEDULES.register("cosine_warmup")
class CosineWarmup(Cosine):
    """Rises in equal steps, then falls as `cosine` does.

    Attributes:
        warmup_epochs: Epochs in which it rises.
    """

    warmup_epochs: Whole

    def factor(self, epoch: int, epochs: int) -> float:
        """See `Schedule.factor`."""
        if epoch < self.warmup_epochs:
            return (epoch + 1) / (self.warmup_epochs + 1)
        return super().factor(epoch - self.warmup_epochs, epochs - self.warmup_epochs)
