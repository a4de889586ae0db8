"""Learning-rate schedules by name: the learning rate is set once per epoch."""

from __future__ import annotations

from gislr.utils.registry import Registry
from gislr.utils.settings import Settings


class Schedule(Settings):
    """Base of schedules.

    Attributes:
        name: The name under which it is registered.
    """

    name: str

    def factor(self, epoch: int, epochs: int) -> float:
        """Returns the factor of `optimizer.learning_rate` for an epoch.

        Args:
            epoch: From 0.
            epochs: Number of epochs of the training.
        """
        raise NotImplementedError


SCHEDULES: Registry[type[Schedule]] = Registry("schedule", "gislr.training.schedules")
"""Schedules by name; those of other packages come from the entry points `gislr.schedule`."""
