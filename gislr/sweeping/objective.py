"""What a sweep makes better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gislr.utils.errors import SettingError, unknown_name

LAST, BEST = "last", "best"

_TRAINED_ON = ("loss", "acc", "top_5_acc", "top_10_acc", "clips_per_second")
_PARAMETERS = "parameters"


@dataclass(frozen=True)
class SweepSettings:
    """What a sweep makes better.

    Attributes:
        objective: A metric that runs log, or several for a Pareto front.
        value: `last` or `best` of its values over the epochs.
    """

    objective: str | list  # type: ignore[type-arg]
    value: str

    def __post_init__(self) -> None:
        for name in self.objectives:
            check_objective(name)
        if self.value not in (LAST, BEST):
            raise unknown_name("sweep.value", self.value, (LAST, BEST))

    @property
    def objectives(self) -> list[str]:
        """The metrics' names."""
        return self.objective if isinstance(self.objective, list) else [self.objective]

    def values(self, history: Mapping[str, Sequence[float]]) -> list[float]:
        """Returns a value for each objective.

        Args:
            history: Every metric's values by epoch.

        Raises:
            SettingError: A metric was not logged, since no signer is held out.
        """
        found = []
        for name in self.objectives:
            if name not in history:
                raise SettingError(
                    f"sweep.objective={name} needs held-out signers; choose another split than "
                    "none."
                )
            better = min if direction(name) == "minimize" else max
            found.append(better(history[name]) if self.value == BEST else history[name][-1])
        return found


def objective_names() -> tuple[str, ...]:
    """Returns the metrics that a sweep can make better."""
    from gislr.evaluation.metrics.scores import METRICS

    return (*(f"val_{name}" for name in METRICS), *_TRAINED_ON, _PARAMETERS)


def check_objective(name: str) -> None:
    """Raises a SettingError unless runs log a metric of this name."""
    if name not in objective_names():
        raise unknown_name("sweep.objective", name, objective_names())


def direction(name: str) -> str:
    """Returns `minimize` or `maximize`.

    Raises:
        SettingError: Runs log no metric of this name.
    """
    from gislr.evaluation.metrics.scores import LOWER_IS_BETTER

    check_objective(name)
    lower = LOWER_IS_BETTER | {_PARAMETERS}
    return "minimize" if name.removeprefix("val_") in lower else "maximize"
