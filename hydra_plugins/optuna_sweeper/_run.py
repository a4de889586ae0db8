"""Runs a sweep from its arguments to its last line."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import optuna
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.optuna_sweeper import _terminal
from hydra_plugins.optuna_sweeper._algorithms import GRID, make_pruner, make_sampler
from hydra_plugins.optuna_sweeper._budget import Budget
from hydra_plugins.optuna_sweeper._callbacks import SweepCallback, callbacks
from hydra_plugins.optuna_sweeper._errors import SweepError
from hydra_plugins.optuna_sweeper._forking import begin_preloading
from hydra_plugins.optuna_sweeper._launch import cached_result, run_by_launcher, run_locally
from hydra_plugins.optuna_sweeper._queue import TrialQueue
from hydra_plugins.optuna_sweeper._search_space import SearchSpace, read_search_space
from hydra_plugins.optuna_sweeper._settings import SweeperSettings
from hydra_plugins.optuna_sweeper._storage import SQLITE, copy_study, open_study
from hydra_plugins.optuna_sweeper._sweep import Sweep, is_local

_DRY_RUN_LIMIT = 1000
_WAIT_SECONDS = 5


def run_sweep(
    settings: SweeperSettings, context: HydraContext, config: DictConfig, arguments: list[str]
) -> optuna.Study | None:
    """Runs a sweep.

    Args:
        settings: The keys of `hydra.sweeper`.
        context: Hydra's context.
        config: The composed configuration, with Hydra's own.
        arguments: The overrides of the command line without Hydra's.

    Returns:
        The study; `None` after a dry run.

    Raises:
        SweepError: The sweep cannot start, or too many of its trials fail.
    """
    if is_local(config) and not settings.dry_run:
        begin_preloading(settings.n_jobs)
    sweep = _open(settings, context, config, arguments)
    queue = TrialQueue(sweep)
    if settings.dry_run:
        _dry_run(sweep, queue)
        return None
    for callback in callbacks():
        callback.on_study_open(sweep)
    retries = queue.recover()
    if settings.sampler == GRID:
        queue.enqueue_grid()
    if settings.warm_start:
        queue.enqueue_best(settings.warm_start)
    # Several that start at once share what the first one creates.
    for callback in callbacks():
        sweep.in_turn(partial(_start, sweep, callback))
    print(_terminal.opening(sweep, retries), flush=True)
    reason: str | None = "The sweep was killed."
    try:
        launched = partial(run_by_launcher, context=context, config=config)
        run = run_locally if is_local(config) else launched
        budget = Budget(settings.hours)
        run(sweep, queue, budget)
        while settings.wait and not sweep.is_over() and not budget.is_spent():
            time.sleep(_WAIT_SECONDS)
            queue.recover()
            run(sweep, queue, budget)
        reason = None
    except SweepError as error:
        reason = str(error)
        raise
    except KeyboardInterrupt:
        reason = "Interrupted; the same command resumes it."
        raise
    finally:
        print(_terminal.closing(sweep), flush=True)
        for callback in callbacks():
            callback.on_sweep_end(sweep, reason)
    return sweep.study


def _start(sweep: Sweep, callback: SweepCallback, is_repeated: bool) -> None:
    callback.on_sweep_start(sweep)


def _open(
    settings: SweeperSettings, context: HydraContext, config: DictConfig, arguments: list[str]
) -> Sweep:
    def compose(overrides: Sequence[str]) -> DictConfig:
        return context.config_loader.load_configuration(
            config_name=config.hydra.job.config_name,
            overrides=list(overrides),
            run_mode=RunMode.RUN,
        )

    def default(key: str) -> object:
        choices = config.hydra.runtime.choices
        return choices[key] if key in choices else OmegaConf.select(config, key, default=None)

    space = read_search_space(
        arguments, settings.params or {}, settings.when or {}, context.config_loader, default
    )
    # Misspelled keys and options raise before anything is written.
    compose(space.example())
    make_sampler(str(settings.sampler), settings.sampler_options, settings.seed)
    make_pruner(str(settings.pruner), settings.pruner_options)
    combinations = len(space.combinations()) if settings.sampler == GRID else sys.maxsize
    storage = settings.storage or f"{SQLITE}{Path('optuna.db').absolute()}"
    job = str(config.hydra.job.name).rpartition(".")[2]
    name = settings.study_name or _study_name(job, settings, space)
    open_or_copy = copy_study if settings.dry_run else open_study
    return Sweep(
        study=open_or_copy(storage, name, settings.directions),
        settings=settings,
        space=space,
        storage=storage,
        n_trials=min(settings.n_trials or combinations, combinations),
        config=config,
        compose=compose,
    )


def _study_name(job: str, settings: SweeperSettings, space: SearchSpace) -> str:
    """Returns a name that the same command has, whatever its number of trials."""
    identity = (
        sorted(space.fixed),
        space.dimensions,
        (settings.sampler, settings.sampler_options),
        (settings.pruner, settings.pruner_options),
        settings.directions,
        settings.seed,
    )
    return f"{job}-{hashlib.sha256(repr(identity).encode()).hexdigest()[:8]}"


def _dry_run(sweep: Sweep, queue: TrialQueue) -> None:
    """Lists the trials that would run."""
    is_grid = sweep.settings.sampler == GRID
    if is_grid:
        queue.enqueue_grid()  # into the copy of the study
    print(_terminal.opening(sweep, 0), flush=True)
    planned: list[str] = []
    while len(planned) < _DRY_RUN_LIMIT and (item := queue.ask()):
        reused = "  (reused)" if cached_result(sweep, item[1]) else ""
        planned.append(f"{' '.join(item[1])}{reused}")
    for number, line in enumerate(planned):
        print(f"would run {number:>{len(str(len(planned)))}}  {line}", flush=True)
    if planned and not is_grid and sweep.settings.sampler != "random":
        print("Later trials depend on the results of earlier ones; these are guesses.", flush=True)
