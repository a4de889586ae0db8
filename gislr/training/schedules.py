"""Learning-rate schedules by name: the learning rate is set once per epoch."""

from __future__ import annotations

import math

from gislr.utils.registry import Registry
from gislr.utils.settings import Settings, Whole


class Schedule(Settings):
    """Base of schedules: a linear warmup, then what a subclass's `decay` says.

    Attributes:
        name: The name under which it is registered.
        warmup_epochs: Epochs in which the learning rate rises in equal steps before it decays.
    """

    name: str
    warmup_epochs: Whole

    def factor(self, epoch: int, epochs: int) -> float:
        """Returns the factor of `optimizer.learning_rate` for an epoch.

        Args:
            epoch: From 0.
            epochs: Number of epochs of the training.
        """
        if epoch < self.warmup_epochs:
            return (epoch + 1) / (self.warmup_epochs + 1)
        return self.decay((epoch - self.warmup_epochs) / max(1, epochs - self.warmup_epochs))

    def decay(self, progress: float) -> float:
        """Returns the factor at a share, 0 to 1, of the epochs after the warmup."""
        raise NotImplementedError


SCHEDULES: Registry[type[Schedule]] = Registry("schedule", "gislr.training.schedules")
"""Schedules by name; those of other packages come from the entry points `gislr.schedule`."""


@SCHEDULES.register("constant")
class Constant(Schedule):
    """The same learning rate throughout."""

    def decay(self, progress: float) -> float:
        return 1.0


@SCHEDULES.register("cosine")
class Cosine(Schedule):
    """The notebook's: 5e-4 (1 + cos(pi epoch / epochs)) is this at a learning rate of 1e-3."""

    def decay(self, progress: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * progress))
