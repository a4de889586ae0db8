"""How an application follows a sweep and answers from its own records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

    from hydra_plugins.optuna_sweeper._sweep import Sweep


@dataclass(frozen=True)
class Recalled:
    """The result of a finished run that need not be repeated.

    Attributes:
        values: What the run returned, one for each direction.
        notes: Kept as the trial's attributes, such as the run's id.
    """

    values: Sequence[float]
    notes: dict[str, str] = field(default_factory=dict)


class Observer:
    """Told what happens in the sweep's own process; override what is of interest."""

    def began(self, sweep: Sweep) -> None:
        """The study is open, nothing of this session has run yet."""

    def recall(self, sweep: Sweep, overrides: Sequence[str]) -> Recalled | None:
        """Returns the result of a finished run with these overrides, if one is known."""
        return None

    def trial_ended(self, sweep: Sweep, trial: optuna.trial.FrozenTrial) -> None:
        """A trial is complete, pruned or failed."""

    def has_best(self) -> bool:
        """Whether a table of the best trials says something, and not only how many there were."""
        return True

    def ended(self, sweep: Sweep, reason: str | None) -> None:
        """The sweep ends; the reason is `None` when it is complete."""


_observers: list[Observer] = []


def observe(observer: Observer) -> None:
    """Has an observer told of every sweep of this process."""
    _observers.append(observer)


def observers() -> list[Observer]:
    """Returns those that `observe` was given."""
    return list(_observers)
