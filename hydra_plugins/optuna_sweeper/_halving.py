"""Successive halving whose trials pause: the best of each rung go on where they stopped.

Trials of a rung end after so many steps. When enough of them have, the best one of every few goes
on to the next rung, in a new trial of the same parameters that takes up the state of the earlier.
Asynchronous, as in Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from optuna.pruners import BasePruner
from optuna.study import StudyDirection

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

RUNG = "rung"
"""User attribute of trials: their rung, from 0; the first one lacks it."""


class SuccessiveHalving(BasePruner):
    """Ends every trial at the end of its rung; `next_up` says which one goes on.

    Args:
        min_resource: Steps of the first rung.
        reduction_factor: One of so many trials goes on to the next rung, which ends after so many
            times as many steps.

    Raises:
        ValueError: A number is too small.

    Example:
        >>> from hydra_plugins.optuna_sweeper._halving import SuccessiveHalving
        >>> [SuccessiveHalving(min_resource=3).steps(rung) for rung in range(3)]
        [3, 9, 27]
    """

    def __init__(self, min_resource: int = 3, reduction_factor: int = 3) -> None:
        if min_resource < 1 or reduction_factor < 2:
            raise ValueError(
                "min_resource must be at least 1 and reduction_factor at least 2; got "
                f"{min_resource} and {reduction_factor}."
            )
        self._least, self._factor = min_resource, reduction_factor

    def steps(self, rung: int) -> int:
        """Returns after how many steps, from a trial's very first, a rung ends."""
        return int(self._least * self._factor**rung)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Tells whether a trial has reached the end of its rung."""
        return self._has_reached_end(trial)

    def next_up(
        self,
        trials: Sequence[FrozenTrial],
        gone_on: Collection[int],
        direction: StudyDirection,
        *,
        is_last: bool,
    ) -> FrozenTrial | None:
        """Returns the paused trial that goes on, of the highest rung that has one.

        Args:
            trials: Those of the study.
            gone_on: The numbers of those that are repeated in another trial.
            direction: Of the study.
            is_last: Whether no other trial will join a rung: then the best of the highest rung goes
                on, however few there are.
        """
        paused: dict[int, list[FrozenTrial]] = {}
        for trial in trials:
            if trial.state.name == "PRUNED" and self._has_reached_end(trial):
                paused.setdefault(rung_of(trial), []).append(trial)
        sign = -1 if direction == StudyDirection.MAXIMIZE else 1
        for rung in sorted(paused, reverse=True):
            few = int(is_last and rung == max(paused))
            count = max(few, len(paused[rung]) // self._factor)
            best = sorted(paused[rung], key=lambda t: (sign * _last_value(t), t.number))[:count]
            for trial in best:
                if trial.number not in gone_on:
                    return trial
        return None

    def _has_reached_end(self, trial: FrozenTrial) -> bool:
        return trial.last_step is not None and trial.last_step + 1 >= self.steps(rung_of(trial))


def rung_of(trial: FrozenTrial) -> int:
    """Returns the rung of a trial, from 0."""
    return int(trial.user_attrs.get(RUNG, 0))


def _last_value(trial: FrozenTrial) -> float:
    return trial.intermediate_values[max(trial.intermediate_values)]
