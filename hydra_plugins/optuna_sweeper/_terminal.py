"""The terminal's view of a sweep."""

from __future__ import annotations

from optuna.trial import FrozenTrial

from hydra_plugins.optuna_sweeper._callbacks import callbacks
from hydra_plugins.optuna_sweeper._queue import STALE
from hydra_plugins.optuna_sweeper._sweep import REASON, REUSED, SECONDS, Sweep

_TOP = 5


def opening(sweep: Sweep, retries: int) -> str:
    """Returns what the sweep searches and how many trials it has already."""
    settings = sweep.settings
    lines = [
        f"sweep {sweep.name}: {sweep.n_trials} trials, sampler {settings.sampler}, "
        f"pruner {settings.pruner}, {', '.join(settings.directions)}"
    ]
    for dimension in sweep.space.dimensions:
        conditions = ",".join(f"{key}={value}" for key, value in dimension.conditions.items())
        when = f" when {conditions}" if conditions else ""
        lines.append(f"  {dimension.key}={dimension.sweep}{when}")
    if done := len(sweep.trials()):
        lines.append(f"  resumes: {done} trials are done or running")
    if retries:
        lines.append(f"  retries {retries} trials of a killed sweep")
    return "\n".join(lines)


def trial_line(sweep: Sweep, trial: FrozenTrial) -> str:
    """Returns one line for a trial that ended, with the best so far."""
    state = "reused" if trial.user_attrs.get(REUSED) else trial.state.name.lower()
    seconds = trial.user_attrs.get(SECONDS)
    parts = [
        f"trial {trial.number:>{len(str(sweep.n_trials))}}",
        f"{state:8}",
        _values(trial) if state != "fail" else "-",
        " ".join(sweep.space.overrides(trial.params)),
        f"{seconds:.1f} s" if seconds else "",
        str(trial.user_attrs.get(REASON, STALE)) if state in ("fail", "pruned") else "",
    ]
    ranked = sweep.ranked() if _shows_best() else []
    if ranked and len(sweep.settings.directions) == 1:
        parts.append(f"best {_values(ranked[0])} (trial {ranked[0].number})")
    elif ranked:
        parts.append(f"{len(ranked)} on the Pareto front")
    return "  ".join(part for part in parts if part)


def closing(sweep: Sweep) -> str:
    """Returns the counts and a table of the best trials."""
    counts = ", ".join(f"{count} {state}" for state, count in sorted(sweep.counts().items()))
    lines = ["", f"{len(sweep.trials())} trials: {counts or 'none'}"]
    ranked = sweep.ranked()
    if not ranked:
        lines.append("No trial is complete.")
    elif _shows_best():
        is_front = len(sweep.settings.directions) > 1
        best = ranked if is_front else ranked[:_TOP]
        lines.append("Pareto front:" if is_front else f"top {len(best)}:")
        for trial in best:
            overrides = " ".join(sweep.space.overrides(trial.params))
            lines.append(f"  trial {trial.number:>4}  {_values(trial)}  {overrides}")
    return "\n".join(lines)


def _shows_best() -> bool:
    return all(callback.show_best for callback in callbacks())


def _values(trial: FrozenTrial) -> str:
    steps = trial.intermediate_values
    values = trial.values or ([steps[max(steps)]] if steps else [])
    return " ".join(f"{value:.6g}" for value in values) or "-"
