"""The keys of `hydra.sweeper`, with their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra_plugins.optuna_sweeper._algorithms import GRID, NO_PRUNER, SAMPLERS
from hydra_plugins.optuna_sweeper._credentials import has_password
from hydra_plugins.optuna_sweeper._errors import SweepError, require_name

MINIMIZE, MAXIMIZE = "minimize", "maximize"


@dataclass
class SweeperSettings:
    """How a sweep searches.

    Attributes:
        study_name: The study; `None` derives it from the command, so that the same command resumes.
        storage: Optuna's storage URL; `None` is `optuna.db` in the working directory.
        direction: `minimize` or `maximize`, or one for each value that the application returns.
        n_trials: How many trials; `None` tries every combination once.
        hours: How long the sweep may take: no trial is started that would not end in time, and
            those that run are ended then, for the next sweep to retry; `None` is no limit.
        warm_start: An earlier study of the same storage, whose best trials are tried first.
        n_jobs: How many trials run at the same time.
        sampler: A name of `SAMPLERS`; `None` is `tpe`, or `grid` without `n_trials`.
        sampler_options: Arguments of Optuna's sampler, as `{name: value}`.
        pruner: A name of `PRUNERS`; `None` is `median`, or `none` for grids and for several
            directions.
        pruner_options: Arguments of Optuna's pruner, as `{name: value}`.
        seed: The sampler's seed.
        params: Search space by key, in Hydra's sweep syntax; `None` is none, as for `when`.
        when: Search space by condition, `key=value[,key=value]` to a mapping like `params`.
        max_failure_rate: Fraction of failed trials above which the sweep stops.
        retries: How often a trial whose process was killed is retried.
        skip_finished: Whether results of finished runs that the application knows are reused.
        dry_run: Whether to list the trials without running them.
        wait: Whether the sweep ends only when the trials that other sweeps of its study run have
            ended, and takes over those of killed ones.

    Raises:
        SweepError: A value cannot be used.

    Example:
        >>> from hydra_plugins.optuna_sweeper import SweeperSettings
        >>> SweeperSettings(n_trials=20).pruner
        'median'
    """

    study_name: str | None = None
    storage: str | None = None
    direction: Any = MINIMIZE
    n_trials: int | None = None
    hours: float | None = None
    warm_start: str | None = None
    n_jobs: int = 1
    sampler: str | None = None
    sampler_options: Any = None
    pruner: str | None = None
    pruner_options: Any = None
    seed: int = 42
    params: dict[str, Any] | None = field(default_factory=dict)
    when: dict[str, Any] | None = field(default_factory=dict)
    max_failure_rate: float = 0.5
    retries: int = 2
    skip_finished: bool = False
    dry_run: bool = False
    wait: bool = False

    def __post_init__(self) -> None:
        if has_password(self.storage or ""):
            raise SweepError(
                "hydra.sweeper.storage must hold no password, which others could read; write "
                "postgresql://USER@HOST/NAME and set PGPASSWORD or ~/.pgpass."
            )
        for name, least in (("n_trials", 1), ("n_jobs", 1), ("retries", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SweepError(f"hydra.sweeper.{name} must be at least {least}; got {value}.")
        if self.hours is not None and not self.hours > 0:
            raise SweepError(f"hydra.sweeper.hours must be above 0; got {self.hours}.")
        if not 0 <= self.max_failure_rate <= 1:
            raise SweepError(
                f"hydra.sweeper.max_failure_rate must be from 0 to 1; got {self.max_failure_rate}."
            )
        if not self.directions or {*self.directions} - {MINIMIZE, MAXIMIZE}:
            raise SweepError(
                f"hydra.sweeper.direction must be {MINIMIZE} or {MAXIMIZE}, or a list of them; "
                f"got {self.direction!r}."
            )
        is_grid = self.n_trials is None or self.sampler == GRID
        several = len(self.directions) > 1
        if self.warm_start is not None and is_grid:
            raise SweepError(
                "hydra.sweeper.warm_start needs hydra.sweeper.n_trials: a grid tries every "
                "combination anyway."
            )
        self.sampler = self.sampler or (GRID if is_grid else "tpe")
        self.pruner = self.pruner or (NO_PRUNER if is_grid or several else "median")
        require_name("hydra.sweeper.sampler", self.sampler, SAMPLERS)
        if self.n_trials is None and self.sampler != GRID:
            raise SweepError(
                f"hydra.sweeper.sampler={self.sampler} needs hydra.sweeper.n_trials, the number of "
                "trials."
            )
        if several and self.pruner != NO_PRUNER:
            raise SweepError(
                f"Optuna prunes by one value, but hydra.sweeper.direction has "
                f"{len(self.directions)}; set hydra.sweeper.pruner={NO_PRUNER}."
            )

    @property
    def directions(self) -> list[str]:
        """A direction for each value that the application returns."""
        values = self.direction if isinstance(self.direction, list) else [self.direction]
        return [str(value).lower() for value in values]


@dataclass
class OptunaSweeperConfig(SweeperSettings):
    """The configuration that `hydra/sweeper=optuna` chooses."""

    _target_: str = "hydra_plugins.optuna_sweeper.optuna_sweeper.OptunaSweeper"
