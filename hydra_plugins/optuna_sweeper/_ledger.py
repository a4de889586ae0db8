"""Which trials a study has had, which are still owed, and which are lost and tried again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from hydra_plugins.optuna_sweeper._owner import is_gone, owner_tag
from hydra_plugins.optuna_sweeper._process import COMPLETE, KILLED, PRUNED, Outcome
from hydra_plugins.optuna_sweeper._samplers import GRID, make_sampler
from hydra_plugins.optuna_sweeper._storage import locked

if TYPE_CHECKING:
    import optuna

    from hydra_plugins.optuna_sweeper._sweep import Sweep

OWNER, REASON, RETRIED, SURPLUS, LOG = "owner", "reason", "retried", "surplus", "log"
SECONDS, KILLS = "seconds", "kills"
"""Attributes of trials."""

LOST = "its sweep was killed"
"""The reason of trials whose sweep is gone."""


class Ledger:
    """Hands out trials and books what became of them.

    Args:
        sweep: The sweep.

    Attributes:
        finished: How many have ended since this process began.
        reasons: Why those that have failed did.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._study = sweep.study
        self._owner = owner_tag()
        self.finished = 0
        self.reasons: Counter[str] = Counter()

    def recover(self) -> int:
        """Marks trials whose sweep is gone as failed and queues their parameters; counts them."""
        from optuna.storages import fail_stale_trials
        from optuna.trial import TrialState

        lost = 0
        with self._locked():
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if is_gone(str(trial.user_attrs.get(OWNER, ""))):
                    lost += self._lose(trial, LOST)
            fail_stale_trials(self._study)
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
                # Whatever this class marks as failed has a reason.
                if not {REASON, SURPLUS} & trial.user_attrs.keys():
                    lost += self._retry(trial)
        return lost

    def queue_grid(self) -> int:
        """Queues every combination that the study does not hold yet; returns how many there are."""
        combinations = list(self._sweep.space.combinations())
        with self._locked():
            known = {_identity(_wanted(t)) for t in self._study.get_trials(deepcopy=False)}
            for combination in combinations:
                if _identity(combination) not in known:
                    self._study.enqueue_trial(combination)
        return len(combinations)

    def ask(self) -> tuple[optuna.Trial, list[str]] | None:
        """Returns a new trial and its overrides, or `None` when no more is owed.

        The sampler is seeded by the number of trials, so that a sweep that goes on draws what it
        would have drawn, and several sweeps of one study do not draw the same.
        """
        from optuna.trial import TrialState

        with self._locked():
            trial = self._take()
        if trial is None:
            return None
        if self._is_surplus(trial):
            trial.set_user_attr(SURPLUS, True)
            trial.set_user_attr(REASON, "another sweep was quicker")
            self._study.tell(trial, state=TrialState.FAIL)
            return self.ask()
        return trial, self._sweep.space.suggest(trial)

    def _take(self) -> optuna.Trial | None:
        from optuna.trial import TrialState

        trials = self._study.get_trials(deepcopy=False)
        if len(owed(trials)) >= self._sweep.n_trials:
            return None
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
        if not waiting and self._sweep.sampler == GRID:
            return None
        # Owned before it runs, so that there is no moment in which nobody owns a running trial.
        if waiting:
            first = waiting[0]._trial_id
            self._study._storage.set_trial_user_attr(first, OWNER, self._owner)
        else:
            self._study.enqueue_trial({}, user_attrs={OWNER: self._owner})
        settings = self._sweep.settings
        seed = (settings.seed * 1_000_003 + len(trials)) % 2**32
        self._study.sampler = make_sampler(self._sweep.sampler, settings.sampler_options, seed)
        trial = self._study.ask()
        # Where a storage has no lock, another sweep may have taken that one meanwhile.
        if trial.user_attrs.get(OWNER) != self._owner:
            trial.set_user_attr(OWNER, self._owner)
        return trial

    def _locked(self) -> AbstractContextManager[None]:
        return nullcontext() if self._sweep.settings.dry_run else locked(self._sweep.storage)

    def finish(self, trial: optuna.Trial, outcome: Outcome) -> optuna.trial.FrozenTrial:
        """Books an outcome; a killed trial's parameters are queued again, some times."""
        from optuna.exceptions import UpdateFinishedTrialError

        # Another machine may have given it up for dead in the meantime.
        with suppress(UpdateFinishedTrialError):
            self._book(trial, outcome)
        return self._frozen(trial)

    def _book(self, trial: optuna.Trial, outcome: Outcome) -> None:
        from optuna.trial import TrialState

        self.finished += 1
        trial.set_user_attr(SECONDS, round(outcome.seconds, 3))
        expected = len(self._sweep.directions)
        finite = all(math.isfinite(value) for value in outcome.values)
        if outcome.state == COMPLETE and len(outcome.values) == expected and finite:
            self._study.tell(trial, list(outcome.values))
        elif outcome.state == PRUNED:
            trial.set_user_attr(REASON, outcome.reason)
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            reason = outcome.reason
            if outcome.state == COMPLETE:
                shown = ", ".join(str(value) for value in outcome.values)
                reason = (
                    f"returned {len(outcome.values)} values for {expected} directions"
                    if finite
                    else f"returned {shown}"
                )
            self.reasons[reason] += 1
            trial.set_user_attr(REASON, reason)
            trial.set_user_attr(LOG, "\n".join(outcome.log))
            if outcome.state == KILLED:
                self._retry(self._frozen(trial), killed=True)
            self._study.tell(trial, state=TrialState.FAIL)

    def interrupt(self, trials: Iterable[optuna.Trial], reason: str) -> None:
        """Books trials that the sweep itself has ended; they are tried again by the next one."""
        for trial in trials:
            self._lose(self._frozen(trial), reason)

    def alive(self, trials: Iterable[optuna.Trial]) -> None:
        """Shows other machines that these trials are running."""
        storage: Any = self._study._storage
        if hasattr(storage, "record_heartbeat"):
            for trial in trials:
                storage.record_heartbeat(trial._trial_id)

    def _is_surplus(self, trial: optuna.Trial) -> bool:
        # Another sweep may have taken the last combination of a grid since it was looked at.
        if self._sweep.sampler == GRID and not _wanted(self._frozen(trial)):
            return True
        # Several sweeps may ask at the same time; the lowest numbers stay. Numbers count from 0, so
        # those below the number of trials are never too many.
        if trial.number < self._sweep.n_trials:
            return False
        counted = owed(self._study.get_trials(deepcopy=False))
        return trial.number in [found.number for found in counted[self._sweep.n_trials :]]

    def _lose(self, trial: optuna.trial.FrozenTrial, reason: str) -> int:
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        try:
            self._study._storage.set_trial_user_attr(trial._trial_id, REASON, reason)
        except UpdateFinishedTrialError:
            return 0
        queued = self._retry(trial)
        with suppress(UpdateFinishedTrialError, ValueError):
            self._study.tell(trial.number, state=TrialState.FAIL)
        return queued

    def _retry(self, trial: optuna.trial.FrozenTrial, *, killed: bool = False) -> int:
        """Queues a trial's parameters, unless that was done; before the trial is marked as failed.

        Were it marked first, a kill in between would lose it.
        """
        if trial.number in _tried_again(self._study.get_trials(deepcopy=False)):
            return 0
        kills = int(trial.user_attrs.get(KILLS, 0)) + killed
        if kills > self._sweep.settings.retries:
            return 0
        self._study.enqueue_trial(_wanted(trial), user_attrs={KILLS: kills, RETRIED: trial.number})
        return 1

    def _frozen(self, trial: optuna.Trial) -> optuna.trial.FrozenTrial:
        return self._study._storage.get_trial(trial._trial_id)


def owed(trials: Iterable[optuna.trial.FrozenTrial]) -> list[optuna.trial.FrozenTrial]:
    """Returns the trials that count: finished or running, and not tried again as another."""
    from optuna.trial import TrialState

    trials = list(trials)
    again = _tried_again(trials)
    return [
        trial
        for trial in trials
        if trial.state != TrialState.WAITING
        and trial.number not in again
        and not trial.user_attrs.get(SURPLUS)
    ]


def _tried_again(trials: Iterable[optuna.trial.FrozenTrial]) -> set[int]:
    return {trial.user_attrs[RETRIED] for trial in trials if RETRIED in trial.user_attrs}


def _wanted(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def _identity(params: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, repr(value)) for key, value in params.items()))
