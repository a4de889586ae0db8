"""What a person at the terminal sees of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra_plugins.optuna_sweeper._ledger import LOST, REASON, SECONDS

if TYPE_CHECKING:
    import optuna

    from hydra_plugins.optuna_sweeper._sweep import Sweep

_TOP = 5


def say(text: str) -> None:
    """Prints a line at once."""
    print(text, flush=True)


def opening(sweep: Sweep, lost: int) -> str:
    """Returns what is searched and how far it is."""
    done = len(sweep.trials())
    lines = [
        f"sweep {sweep.name}: {sweep.n_trials} trials, sampler {sweep.sampler}, "
        f"pruner {sweep.pruner}, {', '.join(sweep.directions)}",
        *(f"  {d.key}: {_range(d.distribution)}" for d in sweep.space.dimensions),
    ]
    for branch in sweep.space.branches:
        condition = ",".join(f"{key}={value}" for key, value in branch.conditions.items())
        lines += [
            f"  {d.key}: {_range(d.distribution)} when {condition}" for d in branch.dimensions
        ]
    if done:
        lines.append(f"  goes on: {done} done or running already")
    if lost:
        lines.append(f"  {lost} that a killed sweep left behind are tried again")
    return "\n".join(lines)


def trial_line(sweep: Sweep, trial: optuna.trial.FrozenTrial, *, has_best: bool = True) -> str:
    """Returns one line for a trial that ended, with the best so far."""
    state = trial.state.name.lower()
    if trial.user_attrs.get("reused"):
        state = "reused"
    seconds = trial.user_attrs.get(SECONDS)
    value = _values(trial) if state != "fail" else "-"
    parts = [
        f"trial {trial.number:>{len(str(sweep.n_trials))}}",
        f"{state:8}",
        value,
        " ".join(sweep.space.overrides(trial.params)),
        f"{seconds:.1f} s" if seconds else "",
    ]
    if state in ("fail", "pruned"):
        parts.append(str(trial.user_attrs.get(REASON, LOST)))
    ranked = sweep.ranked() if has_best else []
    if ranked and len(sweep.directions) == 1:
        parts.append(f"best {_values(ranked[0])} (trial {ranked[0].number})")
    elif ranked:
        parts.append(f"{len(ranked)} on the Pareto front")
    return "  ".join(part for part in parts if part)


def closing(sweep: Sweep, *, has_best: bool) -> str:
    """Returns counts and, where it says something, a table of the best trials."""
    counts = ", ".join(f"{number} {state}" for state, number in sorted(sweep.counts().items()))
    ranked = sweep.ranked()
    lines = ["", f"{len(sweep.trials())} trials: {counts or 'none'}"]
    if not ranked:
        return "\n".join([*lines, "No trial is complete."])
    if not has_best:
        return "\n".join(lines)
    front = len(sweep.directions) > 1
    lines.append("Pareto front:" if front else f"top {min(_TOP, len(ranked))}:")
    for trial in ranked if front else ranked[:_TOP]:
        overrides = " ".join(sweep.space.overrides(trial.params))
        lines.append(f"  trial {trial.number:>4}  {_values(trial)}  {overrides}")
    return "\n".join(lines)


def listing(overrides: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    """Returns what would run, a line a trial."""
    width = len(str(len(overrides)))
    return "\n".join(
        f"would run {k:>{width}}  {' '.join(entry)}{note}"
        for k, (entry, note) in enumerate(zip(overrides, notes, strict=True))
    )


def _values(trial: optuna.trial.FrozenTrial) -> str:
    if trial.values:
        return " ".join(f"{value:.6g}" for value in trial.values)
    if trial.intermediate_values:
        return f"{trial.intermediate_values[max(trial.intermediate_values)]:.6g}"
    return "-"


def _range(distribution: optuna.distributions.BaseDistribution) -> str:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(str(choice) for choice in distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    step = f" in steps of {distribution.step}" if distribution.step not in (None, 1) else ""
    log = ", logarithmic" if distribution.log else ""
    whole = ", whole" if isinstance(distribution, IntDistribution) else ""
    return f"{distribution.low} to {distribution.high}{step}{whole}{log}"
