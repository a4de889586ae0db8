"""Runs a sweep's trials: on this machine, or in batches through one of Hydra's launchers."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from threading import Event, Thread
from typing import Any

import optuna
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import HydraContext
from omegaconf import DictConfig

from hydra_plugins.optuna_sweeper import _terminal
from hydra_plugins.optuna_sweeper._budget import Budget
from hydra_plugins.optuna_sweeper._callbacks import CachedResult, callbacks
from hydra_plugins.optuna_sweeper._errors import SweepError
from hydra_plugins.optuna_sweeper._process import (
    COMPLETE,
    KILLED,
    POLL_SECONDS,
    Outcome,
    TrialCommand,
    TrialProcess,
    run_trial,
    trial_command,
)
from hydra_plugins.optuna_sweeper._queue import TrialQueue
from hydra_plugins.optuna_sweeper._storage import HEARTBEAT_SECONDS
from hydra_plugins.optuna_sweeper._sweep import REUSED, Sweep

_FAILURE_RATE_MIN_TRIALS = 4


def run_locally(sweep: Sweep, queue: TrialQueue, budget: Budget) -> None:
    """Runs `n_jobs` trials at a time on this machine, the next as soon as one ends.

    Raises:
        SweepError: Too many trials fail.
    """
    running: dict[TrialProcess, optuna.Trial] = {}
    may_ask = True  # without an answer, only after a trial has ended
    try:
        with _heartbeats(queue, running.values()):
            while True:
                while may_ask and len(running) < sweep.settings.n_jobs:
                    item = _next_trial(sweep, queue) if budget.is_enough(sweep) else None
                    may_ask = item is not None
                    if item:
                        running[TrialProcess(trial_command(sweep, *item))] = item[0]
                if not running:
                    return
                if budget.is_spent():
                    _end(queue, running, "the time of the sweep is over")
                    return
                for process in list(running):
                    if outcome := process.poll():
                        may_ask = True
                        _record(sweep, queue, running.pop(process), outcome)
                        _check_failure_rate(sweep, queue)
                time.sleep(POLL_SECONDS)
    except BaseException as error:
        _end(queue, running, f"the sweep ended: {type(error).__name__}")
        raise


def _end(queue: TrialQueue, running: Mapping[TrialProcess, optuna.Trial], reason: str) -> None:
    """Ends trials, which the next sweep retries."""
    for process in running:
        process.terminate()
    for process in running:
        process.wait_or_kill()
    queue.interrupt(running.values(), reason)


def run_by_launcher(
    sweep: Sweep, queue: TrialQueue, budget: Budget, context: HydraContext, config: DictConfig
) -> None:
    """Runs batches of `n_jobs` trials by Hydra's launcher, each in its own process.

    Raises:
        SweepError: Too many trials fail.
    """
    commands: dict[int, TrialCommand] = {}
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=partial(_run_job, commands), config=config
    )
    next_trial = partial(_next_trial, sweep, queue)
    while budget.is_enough(sweep) and (
        batch := list(islice(iter(next_trial, None), sweep.settings.n_jobs))
    ):
        trials = [trial for trial, _ in batch]
        first = trials[0].number  # Hydra numbers the jobs of a batch without gaps
        for job, item in enumerate(batch, start=first):
            commands[job] = trial_command(sweep, *item)
        jobs = [[*overrides, "hydra.mode=RUN"] for _, overrides in batch]
        start = time.monotonic()
        try:
            with _heartbeats(queue, trials):
                returned = launcher.launch(jobs, initial_job_idx=first)
            outcomes = [_job_outcome(job) for job in returned]
        except KeyboardInterrupt:
            queue.interrupt(trials, "the sweep ended: KeyboardInterrupt")
            raise
        except Exception as error:  # launchers raise errors of many kinds
            reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            outcomes = [Outcome(KILLED, time.monotonic() - start, reason=reason)] * len(batch)
        for trial, outcome in zip(trials, outcomes, strict=True):
            _record(sweep, queue, trial, outcome)
        _check_failure_rate(sweep, queue)


def cached_result(sweep: Sweep, overrides: Sequence[str]) -> CachedResult | None:
    """Returns the first result that a callback has of a finished run with these overrides."""
    if not sweep.settings.skip_finished:
        return None
    results = (callback.cached_result(sweep, overrides) for callback in callbacks())
    return next((result for result in results if result), None)


def _next_trial(sweep: Sweep, queue: TrialQueue) -> tuple[optuna.Trial, list[str]] | None:
    """Returns the next trial to run; records those with a cached result."""
    while item := queue.ask():
        trial, overrides = item
        result = cached_result(sweep, overrides)
        if result is None:
            return item
        for name, value in {REUSED: True, **result.attributes}.items():
            trial.set_user_attr(name, value)
        _record(sweep, queue, trial, Outcome(COMPLETE, 0.0, tuple(result.values)))
    return None


def _record(sweep: Sweep, queue: TrialQueue, trial: optuna.Trial, outcome: Outcome) -> None:
    frozen = queue.tell(trial, outcome)
    print(_terminal.trial_line(sweep, frozen), flush=True)
    for callback in callbacks():
        callback.on_trial_end(sweep, frozen)


def _check_failure_rate(sweep: Sweep, queue: TrialQueue) -> None:
    allowed, failed = sweep.settings.max_failure_rate, queue.failures.total()
    if failed > allowed * max(queue.finished, _FAILURE_RATE_MIN_TRIALS):
        [(reason, count)] = queue.failures.most_common(1)
        raise SweepError(
            f"{failed} of {queue.finished} trials failed, more than "
            f"hydra.sweeper.max_failure_rate={allowed:g} allows; the most common reason, {count} "
            f"times: {reason}"
        )


def _run_job(commands: dict[int, TrialCommand], config: DictConfig) -> Outcome:
    """The task of a launcher's workers: starts the trial's own process."""
    return run_trial(commands[int(HydraConfig.get().job.num)])


def _job_outcome(job: Any) -> Outcome:
    try:
        return job.return_value  # raises what the job raised
    except Exception as error:
        return Outcome(KILLED, 0.0, reason=f"{type(error).__name__}: {error}")


@contextmanager
def _heartbeats(queue: TrialQueue, trials: Collection[optuna.Trial]) -> Iterator[None]:
    """Sends the trials' heartbeats at regular intervals."""
    over = Event()

    def send() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            # A database that is down for a moment gets the next heartbeat.
            with suppress(Exception):
                queue.heartbeat(list(trials))

    thread = Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
