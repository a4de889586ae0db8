"""The queue of a study's trials: which run next, which are retried, and how they end."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import fail_stale_trials
from optuna.trial import TrialState

from hydra_plugins.optuna_sweeper import _sweep
from hydra_plugins.optuna_sweeper._algorithms import GRID, make_pruner, make_sampler
from hydra_plugins.optuna_sweeper._entries import (
    end_doubles,
    enqueue,
    enqueue_combinations,
    enqueue_first,
    params_of,
)
from hydra_plugins.optuna_sweeper._halving import RUNG, SuccessiveHalving, rung_of
from hydra_plugins.optuna_sweeper._owner import is_gone, owner_tag
from hydra_plugins.optuna_sweeper._process import COMPLETE, KILLED, PRUNED, Outcome
from hydra_plugins.optuna_sweeper._storage import HEARTBEAT_SECONDS
from hydra_plugins.optuna_sweeper._sweep import OWNER, REASON, Sweep, counted_trials

Result = TypeVar("Result")

STALE = "its sweep was killed"
"""The reason of trials whose sweep was killed."""

_WARM_STARTS = 5


class TrialQueue:
    """Hands out a study's trials and records their outcomes.

    Several sweeps, on several machines, may share a study. A kill between any two writes loses and
    doubles no trial: a retry is enqueued before its trial is marked as failed.

    Attributes:
        finished: How many trials have ended since this process started.
        failures: How many of them failed, by reason.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep, self._study, self._settings = sweep, sweep.study, sweep.settings
        self._owner = owner_tag()
        self._pruner = make_pruner(str(self._settings.pruner), self._settings.pruner_options)
        self._asked: set[int] = set()  # the trials that this process runs
        self.finished = 0
        self.failures: Counter[str] = Counter()

    def recover(self) -> int:
        """Fails the trials that killed sweeps left running, and enqueues their retries.

        Returns:
            The number of retries.
        """
        return self._in_turn(self._recover)

    def _recover(self, is_repeated: bool) -> int:
        retries = 0
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if is_gone(str(trial.user_attrs.get(OWNER, ""))):
                retries += self._fail_and_retry(trial, STALE)
        # While the database was away, no machine could send heartbeats.
        storage: Any = self._study._storage
        if time.monotonic() - storage.patience.back_since > HEARTBEAT_SECONDS:
            fail_stale_trials(self._study)
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
            # Optuna gives no reason, this class always does.
            if not {REASON, _sweep.SURPLUS} & trial.user_attrs.keys():
                retries += self._retry(trial)
        return retries

    def enqueue_grid(self) -> None:
        """Enqueues every combination that the study does not have yet."""
        self._in_turn(lambda _: enqueue_combinations(self._sweep))

    def enqueue_best(self, study: str) -> None:
        """Enqueues the best trials of another study as the first ones, unless there are trials.

        Values that the search space does not have are sampled.

        Raises:
            SweepError: The storage has no such study, or it has other directions.
        """
        best = self._sweep.other(study).ranked()[:_WARM_STARTS]
        self._in_turn(lambda again: enqueue_first(self._sweep, best, is_repeated=again))

    def ask(self) -> tuple[optuna.Trial, list[str]] | None:
        """Returns the next trial and its overrides, or `None` when the study has all its trials.

        The number of trials seeds the sampler, so that a resumed sweep samples what it would have
        sampled, and several sweeps of one study sample different values.
        """
        trial = self._in_turn(self._next)
        if trial is None:
            return None
        if self._is_surplus(trial):
            with suppress(UpdateFinishedTrialError):
                trial.set_user_attr(_sweep.SURPLUS, True)
                trial.set_user_attr(REASON, "another sweep was quicker")
                self._study.tell(trial, state=TrialState.FAIL)
            return self.ask()
        self._asked.add(trial.number)
        return trial, self._sweep.space.suggest(trial)

    def tell(self, trial: optuna.Trial, outcome: Outcome) -> optuna.trial.FrozenTrial:
        """Records an outcome; enqueues a retry of a killed trial, up to `retries` times."""
        # Another machine may have failed it as stale in the meantime.
        with suppress(UpdateFinishedTrialError):
            self._in_turn(lambda _: self._record(trial, outcome))
        told = self._frozen(trial)
        self.finished += 1
        if told.state == TrialState.FAIL and REASON in told.user_attrs:
            self.failures[told.user_attrs[REASON]] += 1
        return told

    def interrupt(self, trials: Iterable[optuna.Trial], reason: str) -> None:
        """Fails trials that the sweep itself has ended; the next sweep retries them."""
        for trial in trials:
            self._fail_and_retry(self._frozen(trial), reason)

    def heartbeat(self, trials: Iterable[optuna.Trial]) -> None:
        """Records a heartbeat, by which other machines know that these trials are running."""
        storage: Any = self._study._storage
        if hasattr(storage, "record_heartbeat"):
            for trial in trials:
                storage.record_heartbeat(trial._trial_id)

    def _in_turn(self, work: Callable[[bool], Result]) -> Result:
        return work(False) if self._settings.dry_run else self._sweep.in_turn(work)

    def _next(self, is_repeated: bool) -> optuna.Trial | None:
        end_doubles(self._study)
        if paused := self._next_up():
            self._enqueue_again(paused, {OWNER: self._owner, RUNG: rung_of(paused) + 1})
        trials = self._study.get_trials(deepcopy=False)
        for trial in trials if is_repeated else ():
            is_own = trial.user_attrs.get(OWNER) == self._owner
            # The answer that this process got it was lost.
            if trial.state == TrialState.RUNNING and is_own and trial.number not in self._asked:
                return optuna.Trial(self._study, trial._trial_id)
        if len(counted_trials(trials)) >= self._sweep.n_trials:
            return None
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
        if not waiting and self._settings.sampler == GRID:
            return None
        # The trial gets its owner before it runs, so that no running trial ever lacks one.
        if waiting:
            first = waiting[0]._trial_id
            self._study._storage.set_trial_user_attr(first, OWNER, self._owner)
        else:
            enqueue(self._study, {}, {OWNER: self._owner})
        seed = (self._settings.seed * 1_000_003 + len(trials)) % 2**32
        sampler = str(self._settings.sampler)
        self._study.sampler = make_sampler(sampler, self._settings.sampler_options, seed)
        trial = self._study.ask()
        # Without a lock on its storage, another sweep may have taken that trial.
        if trial.user_attrs.get(OWNER) != self._owner:
            trial.set_user_attr(OWNER, self._owner)
        return trial

    def _next_up(self) -> optuna.trial.FrozenTrial | None:
        """Returns the paused trial that goes on, if trials pause and one is good enough."""
        if not isinstance(self._pruner, SuccessiveHalving):
            return None
        trials = self._study.get_trials(deepcopy=False)
        if TrialState.WAITING in (states := {trial.state for trial in trials}):
            return None
        is_full = len(counted_trials(trials)) >= self._sweep.n_trials
        is_last = is_full and TrialState.RUNNING not in states
        again = _sweep.retried_numbers(trials)
        return self._pruner.next_up(trials, again, self._study.direction, is_last=is_last)

    def _is_surplus(self, trial: optuna.Trial) -> bool:
        # Another sweep may have taken the last combination of a grid.
        if self._settings.sampler == GRID and not params_of(self._frozen(trial)):
            return True
        # When several sweeps ask at the same time, the lowest numbers stay. Numbers start at 0, so
        # those below the number of trials never exceed it.
        if trial.number < self._sweep.n_trials:
            return False
        return trial.number in [t.number for t in self._sweep.trials()[self._sweep.n_trials :]]

    def _record(self, trial: optuna.Trial, outcome: Outcome) -> None:
        ended = self._study.get_trials(deepcopy=False)
        trial.set_user_attr(_sweep.ENDED, 1 + sum(each.state.is_finished() for each in ended))
        trial.set_user_attr(_sweep.SECONDS, round(outcome.seconds, 3))
        is_complete = outcome.state == COMPLETE
        reason = self._problem(outcome.values) if is_complete else outcome.reason
        if is_complete and not reason:
            self._study.tell(trial, list(outcome.values))
            return
        trial.set_user_attr(REASON, reason)
        if outcome.state == PRUNED:
            self._study.tell(trial, state=TrialState.PRUNED)
            return
        trial.set_user_attr(_sweep.LOG, "\n".join(outcome.log))
        if outcome.state == KILLED:
            self._retry(self._frozen(trial), kills=1)
        self._study.tell(trial, state=TrialState.FAIL)

    def _problem(self, values: tuple[float, ...]) -> str:
        if not all(map(math.isfinite, values)):
            return f"returned {', '.join(map(str, values))}"
        expected = len(self._settings.directions)
        if len(values) != expected:
            return f"returned {len(values)} values for {expected} directions"
        return ""

    def _fail_and_retry(self, trial: optuna.trial.FrozenTrial, reason: str) -> int:
        try:
            self._study._storage.set_trial_user_attr(trial._trial_id, REASON, reason)
        except UpdateFinishedTrialError:
            return 0
        retries = self._retry(trial)
        with suppress(UpdateFinishedTrialError, ValueError):
            self._study.tell(trial.number, state=TrialState.FAIL)
        return retries

    def _retry(self, trial: optuna.trial.FrozenTrial, kills: int = 0) -> int:
        """Enqueues a trial's parameters, unless that is done; returns how many trials it adds."""
        if trial.number in _sweep.retried_numbers(self._study.get_trials(deepcopy=False)):
            return 0
        kills += int(trial.user_attrs.get(_sweep.KILLS, 0))
        if kills > self._settings.retries:
            return 0
        self._enqueue_again(trial, {_sweep.KILLS: kills, RUNG: rung_of(trial)})
        return 1

    def _enqueue_again(
        self, trial: optuna.trial.FrozenTrial, attributes: dict[str, object]
    ) -> None:
        attributes = {_sweep.RETRY_OF: trial.number, **attributes}
        enqueue(self._study, params_of(trial), attributes)

    def _frozen(self, trial: optuna.Trial) -> optuna.trial.FrozenTrial:
        return self._study._storage.get_trial(trial._trial_id)
