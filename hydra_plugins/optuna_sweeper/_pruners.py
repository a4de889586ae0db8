"""Optuna's pruners by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra_plugins.optuna_sweeper._samplers import construct, known

if TYPE_CHECKING:
    import optuna

NONE = "none"

PRUNERS = {
    "median": ("MedianPruner", {"n_warmup_steps": 3}),
    "hyperband": ("HyperbandPruner", {}),
    "successive_halving": ("SuccessiveHalvingPruner", {}),
    NONE: ("NopPruner", {}),
}
"""Name to Optuna's class and the arguments that differ from its defaults.

The first epochs of a training say little, so the median is first looked at after three.
"""


def make_pruner(name: str, options: Any) -> optuna.pruners.BasePruner:
    """Builds a pruner.

    Args:
        name: One of `PRUNERS`.
        options: Arguments of Optuna's class.

    Raises:
        SweepError: The name or an option is unknown.
    """
    import optuna

    class_name, preset = known("pruner", name, PRUNERS)
    return construct("pruner", getattr(optuna.pruners, class_name), preset, options)
