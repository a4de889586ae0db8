"""A sweep: its study, its search space, and the trials that count."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from hydra_plugins.optuna_sweeper._errors import SweepError

if TYPE_CHECKING:
    import optuna
    from omegaconf import DictConfig

    from hydra_plugins.optuna_sweeper._search_space import SearchSpace
    from hydra_plugins.optuna_sweeper._settings import SweeperSettings

Result = TypeVar("Result")

_BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"

OWNER, REASON, SECONDS, LOG = "owner", "reason", "seconds", "log"
RETRY_OF, KILLS, SURPLUS, REUSED = "retry_of", "kills", "surplus", "reused"
"""User attributes of trials."""

ENDED = "ended"
"""User attribute of trials: how many of the study's had ended with it, each time another number."""


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        study: Optuna's study.
        settings: The keys of `hydra.sweeper`.
        space: The search space.
        storage: Optuna's URL of the study.
        n_trials: How many trials the study will have.
        config: The application's configuration with the fixed overrides.
        compose: Makes the application's configuration from overrides.
    """

    study: optuna.Study
    settings: SweeperSettings
    space: SearchSpace
    storage: str
    n_trials: int
    config: DictConfig
    compose: Callable[[Sequence[str]], DictConfig]

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.study.study_name)

    def other(self, name: str) -> Sweep:
        """Returns the sweep of another study of this storage with the same search space.

        Raises:
            SweepError: The storage has no such study, or it has other directions.
        """
        import optuna

        from hydra_plugins.optuna_sweeper._storage import load_study

        try:
            study = load_study(self.storage, name, optuna.pruners.NopPruner())
        except KeyError:
            raise SweepError(f"The storage must have the study {name!r}; it does not.") from None
        if study.directions != self.study.directions:
            raise SweepError(
                f"The study {name!r} must have the same directions as this one; it has "
                f"{', '.join(direction.name.lower() for direction in study.directions)}."
            )
        return replace(self, study=study)

    def in_turn(self, work: Callable[[bool], Result]) -> Result:
        """Calls something while no other sweep of the database does so.

        Args:
            work: Gets whether it is repeated: a sweep that loses its connection loses its turn.
        """
        from hydra_plugins.optuna_sweeper._storage import locked

        patience = cast(Any, self.study._storage).patience
        attempts = itertools.count()

        def once() -> Result:
            with locked(self.storage), patience.impatient():
                return work(next(attempts) > 0)

        result: Result = patience.once_answered(once)
        return result

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Returns the trials that count, by number."""
        return counted_trials(self.study.get_trials(deepcopy=False))

    def is_over(self) -> bool:
        """Tells whether all of its trials have ended, those of other processes as well."""
        trials = self.trials()
        return len(trials) >= self.n_trials and all(trial.state.is_finished() for trial in trials)

    def ranked(self) -> list[optuna.trial.FrozenTrial]:
        """Returns the complete trials, best first; the Pareto front for several directions."""
        complete = [trial for trial in self.trials() if trial.state.name == "COMPLETE"]
        if len(self.settings.directions) > 1:
            return list(self.study.best_trials) if complete else []
        sign = -1 if self.settings.directions[0] == "maximize" else 1
        return sorted(complete, key=lambda trial: (sign * trial.values[0], trial.number))

    def counts(self) -> dict[str, int]:
        """Returns how many trials are in each of Optuna's states, lower case."""
        return dict(Counter(trial.state.name.lower() for trial in self.trials()))


def is_local(config: DictConfig) -> bool:
    """Tells whether this process runs the trials, not one of Hydra's launchers."""
    return bool(config.hydra.launcher._target_ == _BASIC_LAUNCHER)


def counted_trials(
    trials: Sequence[optuna.trial.FrozenTrial],
) -> list[optuna.trial.FrozenTrial]:
    """Returns the trials that count: finished or running, and neither retried nor surplus.

    A paused trial that goes on is retried, too.
    """
    retried = retried_numbers(trials)
    return [
        trial
        for trial in trials
        if trial.state.name != "WAITING"
        and trial.number not in retried
        and not trial.user_attrs.get(SURPLUS)
    ]


def retried_numbers(trials: Sequence[optuna.trial.FrozenTrial]) -> set[int]:
    """Returns the numbers of the trials that have been enqueued again."""
    return {trial.user_attrs[RETRY_OF] for trial in trials if RETRY_OF in trial.user_attrs}
