"""What a sweep optimizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gislr.evaluation.metrics.scores import lower_is_better, score_names
from gislr.utils.errors import SettingError, unknown_name
from gislr.utils.settings import AboveZero, Positive, Settings, Text

_CLIPS_PER_SECOND = "clips_per_second"
_TRAINED_ON = ("loss", "acc", "top_5_acc", "top_10_acc", _CLIPS_PER_SECOND)
_PARAMETERS = "parameters"


class SweepSettings(Settings):
    """What a sweep optimizes.

    Attributes:
        objective: A metric that runs log, or several for a Pareto front.
        value: `last` or `best` of its values over the epochs.
        folds: A trial is a cross-validation over so many folds, and its objective their mean;
            `None` for one training, or for the folds of `split=nested`.
        seeds: Number of trainings of each fold, with consecutive seeds.
        hours: How long it may take; `None` for as long as it takes.
        warm_start: The earlier study whose best trials are tried first.
    """

    objective: str | list[str]
    value: Literal["last", "best"]
    # Older runs lack these keys.
    folds: Annotated[int, Field(ge=2)] | None = None
    seeds: Positive = 1
    hours: AboveZero | None = None
    warm_start: Text | None = None

    @model_validator(mode="after")
    def _check(self) -> SweepSettings:
        for name in self.objectives:
            direction(name)
        return self

    @property
    def objectives(self) -> list[str]:
        """The metrics' names."""
        return self.objective if isinstance(self.objective, list) else [self.objective]

    def values(self, history: Mapping[str, Sequence[float]]) -> list[float]:
        """Returns one value for each objective.

        Args:
            history: The values of every metric by epoch.

        Raises:
            SettingError: A metric was not logged, because no signer is held out.
        """
        found = []
        for name in self.objectives:
            if name not in history:
                raise SettingError(
                    f"sweep.objective={name} needs clips held out; choose another split than none."
                )
            better = min if direction(name) == "minimize" else max
            found.append(better(history[name]) if self.value == "best" else history[name][-1])
        return found


def direction(name: str) -> str:
    """Returns `minimize` or `maximize` for a metric.

    Raises:
        SettingError: Runs log no metric of this name.

    Example:
        >>> from gislr.config.sweep_settings import direction
        >>> direction("val_loss"), direction("val_weighted_f1")
        ('minimize', 'maximize')
    """
    known = (*(f"val_{metric}" for metric in score_names()), *_TRAINED_ON, _PARAMETERS)
    if name not in known:
        raise unknown_name("sweep.objective", name, known)
    if name == _PARAMETERS:
        return "minimize"
    if name == _CLIPS_PER_SECOND:
        return "maximize"
    return "minimize" if lower_is_better(name.removeprefix("val_")) else "maximize"


def directions(objective: str | Sequence[str]) -> str | list[str]:
    """Returns the direction of an objective, or of each of several."""
    return direction(objective) if isinstance(objective, str) else [*map(direction, objective)]
