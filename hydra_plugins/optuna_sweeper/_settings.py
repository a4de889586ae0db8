"""The keys of `hydra.sweeper`, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore


@dataclass
class SweeperSettings:
    """How a sweep searches.

    Attributes:
        study_name: The study; `None` derives it from the command, so that the same command goes on.
        storage: Optuna's storage URL; `None` is `optuna.db` where the command is run.
        direction: `minimize` or `maximize`, or one for each value that the application returns.
        n_trials: How many trials; `None` tries every combination once.
        n_jobs: How many at the same time.
        sampler: A name of `_samplers.SAMPLERS`; `None` is `tpe`, or `grid` without `n_trials`.
        sampler_options: Arguments of Optuna's sampler, as `{name: value}`.
        pruner: A name of `_pruners.PRUNERS`; `None` is `median`, or `none` where nothing is to be
            pruned: in a grid, and with several directions.
        pruner_options: Arguments of Optuna's pruner, as `{name: value}`.
        seed: Of the sampler.
        params: Search space by key, in Hydra's sweep syntax.
        when: Search space by condition, `key=value[,key=value]` to a mapping like `params`.
        max_failure_rate: Share of failed trials above which the sweep stops.
        retries: How often a trial whose process was killed is tried again.
        skip_finished: Whether values of finished runs that the application remembers are reused.
        dry_run: Whether to list what would run and end.
    """

    study_name: str | None = None
    storage: str | None = None
    direction: Any = "minimize"
    n_trials: int | None = None
    n_jobs: int = 1
    sampler: str | None = None
    sampler_options: Any = None
    pruner: str | None = None
    pruner_options: Any = None
    seed: int = 42
    params: dict[str, Any] = field(default_factory=dict)
    when: dict[str, Any] = field(default_factory=dict)
    max_failure_rate: float = 0.5
    retries: int = 2
    skip_finished: bool = False
    dry_run: bool = False


_PACKAGE = "hydra_plugins.optuna_sweeper"


@dataclass
class OptunaSweeperConfig(SweeperSettings):
    """`hydra/sweeper=optuna`."""

    _target_: str = f"{_PACKAGE}.optuna_sweeper.OptunaSweeper"


def register() -> None:
    """Makes `hydra/sweeper=optuna` known to Hydra."""
    store = ConfigStore.instance()
    store.store(group="hydra/sweeper", name="optuna", node=OptunaSweeperConfig, provider=_PACKAGE)
