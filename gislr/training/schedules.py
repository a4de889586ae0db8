"""Learning-rate schedules: epoch -> factor of `optimizer.learning_rate`, set once an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from gislr.utils.errors import SettingError, unknown_name


@dataclass(frozen=True)
class ScheduleSettings:
    """The schedule's keys.

    Attributes:
        name: `constant` or `cosine`.
        warmup_epochs: Epochs in which the rate rises in equal steps before the schedule begins.
    """

    name: str
    warmup_epochs: int

    def __post_init__(self) -> None:
        if self.name not in SCHEDULES:
            raise unknown_name("schedule.name", self.name, SCHEDULES)
        if self.warmup_epochs < 0:
            raise SettingError(
                f"schedule.warmup_epochs must be at least 0; got {self.warmup_epochs}."
            )


def factor(settings: ScheduleSettings, epoch: int, epochs: int) -> float:
    """Returns the factor for an epoch, counted from 0.

    Args:
        settings: Which schedule.
        epoch: The epoch about to begin.
        epochs: How many there are altogether.
    """
    if epoch < settings.warmup_epochs:
        return (epoch + 1) / (settings.warmup_epochs + 1)
    remaining = max(1, epochs - settings.warmup_epochs)
    return SCHEDULES[settings.name]((epoch - settings.warmup_epochs) / remaining)


def _constant(progress: float) -> float:
    return 1.0


def _cosine(progress: float) -> float:
    """The notebook's: 5e-4 (1 + cos(pi e / epochs)) is this at a rate of 1e-3."""
    return 0.5 * (1 + math.cos(math.pi * progress))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": _constant, "cosine": _cosine}
