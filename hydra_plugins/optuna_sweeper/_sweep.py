"""A sweep: its study, its space and how it stands."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra_plugins.optuna_sweeper._ledger import owed
from hydra_plugins.optuna_sweeper._search_space import SearchSpace
from hydra_plugins.optuna_sweeper._settings import SweeperSettings

if TYPE_CHECKING:
    import optuna
    from omegaconf import DictConfig

MINIMIZE, MAXIMIZE = "minimize", "maximize"


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        study: Optuna's study.
        name: The study's name.
        config: The application's configuration with the fixed overrides.
        settings: The keys of `hydra.sweeper`.
        space: What is searched.
        storage: Optuna's URL of the study.
        directions: `minimize` or `maximize` for each value.
        sampler: The sampler's name.
        pruner: The pruner's name.
        n_trials: How many trials it shall have.
        program: How the application is started, such as `("-m", "package.module")`.
        compose: Makes the application's configuration from overrides.
    """

    study: optuna.Study
    name: str
    config: DictConfig
    settings: SweeperSettings
    space: SearchSpace
    storage: str
    directions: list[str]
    sampler: str
    pruner: str
    n_trials: int
    program: tuple[str, ...]
    compose: Callable[[Sequence[str]], DictConfig]

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Returns the trials that count, by number."""
        return owed(self.study.get_trials(deepcopy=False))

    def ranked(self) -> list[optuna.trial.FrozenTrial]:
        """Returns the complete trials, best first; the Pareto front for several directions."""
        from optuna.trial import TrialState

        complete = [t for t in self.trials() if t.state == TrialState.COMPLETE]
        if len(self.directions) > 1:
            return list(self.study.best_trials) if complete else []
        sign = -1 if self.directions[0] == MAXIMIZE else 1
        return sorted(complete, key=lambda trial: (sign * trial.values[0], trial.number))

    def counts(self) -> dict[str, int]:
        """Returns how many trials are in each of Optuna's states, lower case."""
        return dict(Counter(trial.state.name.lower() for trial in self.trials()))


def study_name(prefix: str, fixed: Sequence[str], space: SearchSpace, *rest: object) -> str:
    """Returns a name that is the same for the same command and hardly for any other."""
    described = [
        sorted(fixed),
        [[d.key, repr(d.distribution)] for d in space.dimensions],
        [
            [sorted(b.conditions.items()), [[d.key, repr(d.distribution)] for d in b.dimensions]]
            for b in space.branches
        ],
        [str(entry) for entry in rest],
    ]
    digest = hashlib.sha256(json.dumps(described).encode()).hexdigest()
    return f"{prefix}-{digest[:8]}"
