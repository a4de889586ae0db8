"""What waits in a study: parameters that are enqueued, each entry once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.optuna_sweeper._sweep import REASON, SURPLUS, Sweep

_ENTRY = "entry"


def enqueue(
    study: optuna.Study, params: dict[str, Any], attributes: Mapping[str, object] | None = None
) -> None:
    """Enqueues parameters; `end_doubles` finds what a lost answer of the database has doubled."""
    study.enqueue_trial(params, user_attrs={**(attributes or {}), _ENTRY: uuid.uuid4().hex})


def end_doubles(study: optuna.Study) -> None:
    """Ends the trials that wait although the study has their entry already."""
    first: dict[str, int] = {}
    for trial in study.get_trials(deepcopy=False):
        entry = trial.user_attrs.get(_ENTRY)
        if entry is None or first.setdefault(entry, trial.number) == trial.number:
            continue
        if trial.state == TrialState.WAITING:
            storage, reason = study._storage, f"doubles trial {first[entry]}"
            storage.set_trial_user_attr(trial._trial_id, SURPLUS, True)
            storage.set_trial_user_attr(trial._trial_id, REASON, reason)
            storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def params_of(trial: FrozenTrial) -> dict[str, Any]:
    """Returns a trial's parameters, also those that it has been enqueued with."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def enqueue_combinations(sweep: Sweep) -> None:
    """Enqueues every combination that a grid's study does not have yet."""
    known = {_identity(params_of(t)) for t in sweep.study.get_trials(deepcopy=False)}
    for combination in sweep.space.combinations():
        if _identity(combination) not in known:
            enqueue(sweep.study, combination)


def enqueue_first(sweep: Sweep, best: Sequence[FrozenTrial], *, is_repeated: bool) -> None:
    """Enqueues what the search space has of other trials, unless the study has trials."""
    if sweep.study.get_trials(deepcopy=False) and not is_repeated:
        return
    space = {d.key: d.distribution for d in sweep.space.dimensions}
    for trial in best:
        params = {
            key: value
            for key, value in trial.params.items()
            if key in space and _contains(space[key], value)
        }
        sweep.study.enqueue_trial(params, skip_if_exists=True)


def _identity(params: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, repr(value)) for key, value in params.items()))


def _contains(distribution: Any, value: Any) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (TypeError, ValueError):
        return False
