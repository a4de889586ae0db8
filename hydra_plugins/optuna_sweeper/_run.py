"""Runs a sweep from its first look at the arguments to its last line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.optuna_sweeper import _terminal
from hydra_plugins.optuna_sweeper._callbacks import callbacks, show_best
from hydra_plugins.optuna_sweeper._errors import SweepError
from hydra_plugins.optuna_sweeper._launch import cached_result, run_here, run_through_launcher
from hydra_plugins.optuna_sweeper._ledger import Ledger
from hydra_plugins.optuna_sweeper._pruners import NONE, make_pruner
from hydra_plugins.optuna_sweeper._samplers import GRID, SAMPLERS, known, make_sampler
from hydra_plugins.optuna_sweeper._search_space import SearchSpace, read_search_space
from hydra_plugins.optuna_sweeper._settings import SweeperSettings
from hydra_plugins.optuna_sweeper._storage import SQLITE, open_study
from hydra_plugins.optuna_sweeper._sweep import MAXIMIZE, MINIMIZE, Sweep, study_name

if TYPE_CHECKING:
    import optuna
    from hydra.types import HydraContext

_BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
_DRY_RUN_LIMIT = 1000


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
    _check(settings)
    space = read_search_space(
        arguments,
        settings.params,
        settings.when,
        context.config_loader,
        default=lambda key: _value_of(config, key),
    )

    def compose(overrides: Sequence[str]) -> DictConfig:
        from hydra.types import RunMode

        return context.config_loader.load_configuration(
            config_name=config.hydra.job.config_name,
            overrides=list(overrides),
            run_mode=RunMode.RUN,
        )

    compose(space.example())  # a misspelled key is told before anything runs
    sweep = _open(settings, config, space, compose)
    ledger = Ledger(sweep)
    if settings.dry_run:
        _list(sweep, ledger)
        return None
    lost = ledger.recover()
    if sweep.sampler == GRID:
        ledger.queue_grid()
    for callback in callbacks:
        callback.on_sweep_start(sweep)
    _terminal.say(_terminal.opening(sweep, lost))
    reason: str | None = "The sweep was killed."
    try:
        if config.hydra.launcher._target_ == _BASIC_LAUNCHER:
            run_here(sweep, ledger)
        else:
            run_through_launcher(sweep, ledger, context, config)
        reason = None
    except SweepError as error:
        reason = str(error)
        raise
    except KeyboardInterrupt:
        reason = "Interrupted; the same command goes on."
        raise
    finally:
        _terminal.say(_terminal.closing(sweep, has_best=show_best()))
        for callback in callbacks:
            callback.on_sweep_end(sweep, reason)
    return sweep.study


def _open(
    settings: SweeperSettings,
    config: DictConfig,
    space: SearchSpace,
    compose: Callable[[Sequence[str]], DictConfig],
) -> Sweep:
    directions = _directions(settings.direction)
    grid = settings.n_trials is None or settings.sampler == GRID
    sampler = settings.sampler or (GRID if grid else "tpe")
    known("sampler", sampler, SAMPLERS)
    if settings.n_trials is None and sampler != GRID:
        raise SweepError(
            f"hydra.sweeper.sampler={sampler} needs hydra.sweeper.n_trials, the number of trials."
        )
    combinations = len(list(space.combinations())) if sampler == GRID else 0
    pruner = settings.pruner or (NONE if grid or len(directions) > 1 else "median")
    if len(directions) > 1 and pruner != NONE:
        raise SweepError(
            f"Optuna prunes by one value, but hydra.sweeper.direction has {len(directions)}; "
            "set hydra.sweeper.pruner=none."
        )
    storage = settings.storage or f"{SQLITE}{Path('optuna.db').absolute()}"
    name = settings.study_name or study_name(
        str(config.hydra.job.name).rpartition(".")[2],
        space.fixed,
        space,
        sampler,
        settings.sampler_options,
        pruner,
        settings.pruner_options,
        directions,
        settings.seed,
    )
    arguments: dict[str, Any] = {
        "directions": directions,
        "sampler": make_sampler(sampler, settings.sampler_options, settings.seed),
        "pruner": make_pruner(pruner, settings.pruner_options),
    }
    study = _dry_study(storage, name, arguments) if settings.dry_run else None
    return Sweep(
        study=study or open_study(storage, name, **arguments),
        name=name,
        config=config,
        settings=settings,
        space=space,
        storage=storage,
        directions=directions,
        sampler=sampler,
        pruner=pruner,
        n_trials=min(settings.n_trials or combinations, combinations or sys.maxsize),
        program=_program(),
        compose=compose,
    )


def _dry_study(storage: str, name: str, arguments: dict[str, Any]) -> optuna.Study:
    """Returns a copy in memory of the study, so that listing leaves nothing behind."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    copy = optuna.create_study(**arguments)
    exists = not storage.startswith(SQLITE) or Path(storage.removeprefix(SQLITE)).exists()
    if exists:
        try:
            found = optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            return copy
        copy.add_trials(found.get_trials(deepcopy=False))
    return copy


def _list(sweep: Sweep, ledger: Ledger) -> None:
    if sweep.sampler == GRID:
        ledger.queue_grid()  # into the copy
    _terminal.say(_terminal.opening(sweep, 0))
    planned: list[list[str]] = []
    notes: list[str] = []
    while len(planned) < _DRY_RUN_LIMIT and (asked := ledger.ask()):
        _, overrides = asked
        planned.append(overrides)
        notes.append("  (reused)" if cached_result(sweep, overrides) else "")
    _terminal.say(_terminal.listing(planned, notes))
    if sweep.sampler not in (GRID, "random") and planned:
        _terminal.say("Later trials depend on the results of earlier ones; these are guesses.")


def _check(settings: SweeperSettings) -> None:
    for name, least in (("n_trials", 1), ("n_jobs", 1), ("retries", 0)):
        value = getattr(settings, name)
        if value is not None and value < least:
            raise SweepError(f"hydra.sweeper.{name} must be at least {least}; got {value}.")
    if not 0 <= settings.max_failure_rate <= 1:
        raise SweepError(
            f"hydra.sweeper.max_failure_rate must be from 0 to 1; got {settings.max_failure_rate}."
        )


def _directions(value: Any) -> list[str]:
    directions = [str(entry).lower() for entry in (value if isinstance(value, list) else [value])]
    if not directions or any(entry not in (MINIMIZE, MAXIMIZE) for entry in directions):
        raise SweepError(
            f"hydra.sweeper.direction must be {MINIMIZE} or {MAXIMIZE}, or a list of them; "
            f"got {value!r}."
        )
    return directions


def _value_of(config: DictConfig, key: str) -> object:
    choices = config.hydra.runtime.choices
    if key in choices:
        return choices[key]
    return OmegaConf.select(config, key, default=None)


def _program() -> tuple[str, ...]:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:
        return ("-m", spec.name.removesuffix(".__main__"))
    return (str(Path(sys.argv[0]).absolute()),)
