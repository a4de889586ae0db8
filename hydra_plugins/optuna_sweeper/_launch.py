"""Starts trials: on this machine as they come, or in batches through a launcher of Hydra's."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.optuna_sweeper import _terminal
from hydra_plugins.optuna_sweeper._callbacks import CachedResult, callbacks, show_best
from hydra_plugins.optuna_sweeper._errors import SweepError
from hydra_plugins.optuna_sweeper._ledger import Ledger
from hydra_plugins.optuna_sweeper._process import (
    COMPLETE,
    KILLED,
    Outcome,
    TrialCommand,
    TrialProcess,
    run_trial,
    threads_each,
)
from hydra_plugins.optuna_sweeper._storage import HEARTBEAT
from hydra_plugins.optuna_sweeper._trial import CALLBACK, trial_environment

if TYPE_CHECKING:
    import optuna
    from hydra.types import HydraContext
    from omegaconf import DictConfig

    from hydra_plugins.optuna_sweeper._sweep import Sweep

_LOOK_EVERY = 0.02
_JUDGED_FROM = 4
_FLAGS = ("config_name", "config_path", "config_dir")


def run_here(sweep: Sweep, ledger: Ledger) -> None:
    """Runs `n_jobs` trials at a time on this machine, the next as soon as one ends.

    Raises:
        SweepError: Too many trials fail.
    """
    running: dict[TrialProcess, optuna.Trial] = {}
    environment = threads_each(sweep.settings.n_jobs)
    beat = time.monotonic()
    try:
        while True:
            while len(running) < sweep.settings.n_jobs and (asked := next_trial(sweep, ledger)):
                trial, overrides = asked
                command = _command(sweep, trial, overrides, environment)
                running[TrialProcess(command)] = trial
            if not running:
                return
            ended = [(p, outcome) for p in running if (outcome := p.poll()) is not None]
            for process, outcome in ended:
                book(sweep, ledger, running.pop(process), outcome)
                check_failures(sweep, ledger)
            if time.monotonic() - beat > HEARTBEAT:
                beat = time.monotonic()
                ledger.alive(running.values())
            if not ended:
                time.sleep(_LOOK_EVERY)
    except BaseException as error:
        for process in running:
            process.end()
        for process in running:
            process.ended()
        ledger.interrupt(running.values(), f"the sweep ended: {type(error).__name__}")
        raise


def run_through_launcher(
    sweep: Sweep, ledger: Ledger, context: HydraContext, config: DictConfig
) -> None:
    """Runs batches of `n_jobs` trials through Hydra's launcher, each in a process of its own.

    Raises:
        SweepError: Too many trials fail.
    """
    from hydra.core.plugins import Plugins

    task = _LaunchedTrial()
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=task, config=config
    )
    while batch := _batch(sweep, ledger):
        first = batch[0][0].number
        task.commands = {
            first + k: _command(sweep, trial, overrides, {})
            for k, (trial, overrides) in enumerate(batch)
        }
        jobs = [[*overrides, "hydra.mode=RUN"] for _, overrides in batch]
        trials = [trial for trial, _ in batch]
        began = time.monotonic()
        try:
            with _Heartbeat(ledger, trials):
                returned = launcher.launch(jobs, initial_job_idx=first)
            outcomes = [_launched(entry) for entry in returned]
        except KeyboardInterrupt:
            ledger.interrupt(trials, "the sweep ended: KeyboardInterrupt")
            raise
        except Exception as error:  # whatever a cluster may throw
            seconds = time.monotonic() - began
            reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            outcomes = [Outcome(KILLED, seconds, reason=reason)] * len(batch)
        for trial, outcome in zip(trials, outcomes, strict=True):
            book(sweep, ledger, trial, outcome)
        check_failures(sweep, ledger)


def next_trial(sweep: Sweep, ledger: Ledger) -> tuple[optuna.Trial, list[str]] | None:
    """Returns the next trial that has to run, booking those whose result is remembered."""
    while asked := ledger.ask():
        trial, overrides = asked
        found = cached_result(sweep, overrides)
        if found is None:
            return asked
        trial.set_user_attr("reused", True)
        for name, value in found.attributes.items():
            trial.set_user_attr(name, value)
        book(sweep, ledger, trial, Outcome(COMPLETE, 0.0, tuple(found.values)))
    return None


def cached_result(sweep: Sweep, overrides: Sequence[str]) -> CachedResult | None:
    """Returns the first result that a callback has of a finished run with these overrides."""
    if not sweep.settings.skip_finished:
        return None
    results = (callback.cached_result(sweep, overrides) for callback in callbacks)
    return next((result for result in results if result), None)


def book(sweep: Sweep, ledger: Ledger, trial: optuna.Trial, outcome: Outcome) -> None:
    """Books an outcome and shows it."""
    frozen = ledger.finish(trial, outcome)
    _terminal.say(_terminal.trial_line(sweep, frozen, has_best=show_best()))
    for callback in callbacks:
        callback.on_trial_end(sweep, frozen)


def check_failures(sweep: Sweep, ledger: Ledger) -> None:
    """Raises a SweepError when too many trials have failed since this process began."""
    allowed = sweep.settings.max_failure_rate
    failed = ledger.reasons.total()
    if failed > allowed * max(ledger.finished, _JUDGED_FROM):
        [(reason, times)] = ledger.reasons.most_common(1)
        raise SweepError(
            f"{failed} of {ledger.finished} trials failed, more than "
            f"hydra.sweeper.max_failure_rate={allowed:g} allows; the commonest reason, {times} "
            f"times: {reason}"
        )


class _LaunchedTrial:
    """The task that launchers run in their workers: it starts the trial's process."""

    def __init__(self) -> None:
        self.commands: dict[int, TrialCommand] = {}

    def __call__(self, config: Any) -> Outcome:
        from hydra.core.hydra_config import HydraConfig

        return run_trial(self.commands[int(HydraConfig.get().job.num)])


class _Heartbeat:
    """Shows that trials are running while a launcher holds the main thread."""

    def __init__(self, ledger: Ledger, trials: Sequence[optuna.Trial]) -> None:
        from threading import Event, Thread

        self._over = Event()
        self._thread = Thread(target=self._beat, args=(ledger, trials), daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self, ledger: Ledger, trials: Sequence[optuna.Trial]) -> None:
        while not self._over.wait(HEARTBEAT):
            ledger.alive(trials)


def _batch(sweep: Sweep, ledger: Ledger) -> list[tuple[optuna.Trial, list[str]]]:
    batch: list[tuple[optuna.Trial, list[str]]] = []
    while len(batch) < sweep.settings.n_jobs and (asked := next_trial(sweep, ledger)):
        batch.append(asked)
    return batch


def _launched(returned: Any) -> Outcome:
    try:
        value = returned.return_value
    except Exception as error:
        return Outcome(KILLED, 0.0, reason=f"{type(error).__name__}: {error}")
    return value


def _command(
    sweep: Sweep,
    trial: optuna.Trial,
    overrides: Sequence[str],
    environment: Mapping[str, str],
) -> TrialCommand:
    return TrialCommand(
        program=sweep.program,
        arguments=(*_flags(), *overrides, *_hydra_overrides(sweep.config, trial.number)),
        environment={**environment, **trial_environment(sweep, trial)},
        folder=str(Path.cwd()),
    )


def _flags() -> list[str]:
    """Returns Hydra's own flags of this command that choose the configuration."""
    from hydra._internal.utils import get_args_parser

    given = vars(get_args_parser().parse_known_args(sys.argv[1:])[0])
    return [
        part
        for name in _FLAGS
        if given.get(name) is not None
        for part in (f"--{name.replace('_', '-')}", str(given[name]))
    ]


def _hydra_overrides(config: DictConfig, number: int) -> list[str]:
    from omegaconf import open_dict, read_write

    sweeping = ("sweeper", "launcher", "mode", "sweep.", "run.dir")
    given = [
        override
        for override in config.hydra.overrides.hydra
        if not override.lstrip("+~").removeprefix("hydra").lstrip("./").startswith(sweeping)
    ]
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.job.num = number
        config.hydra.job.id = f"{config.hydra.job.name}_{number}"
    folder = os.path.normpath(f"{config.hydra.sweep.dir}/{config.hydra.sweep.subdir}")
    quoted = folder.replace("\\", "\\\\").replace("'", "\\'")
    return [*given, "hydra.mode=RUN", f"hydra.run.dir='{quoted}'", CALLBACK]
