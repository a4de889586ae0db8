"""Optuna's samplers and pruners by name."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from hydra_plugins.optuna_sweeper._errors import SweepError, require_name

if TYPE_CHECKING:
    import optuna

GRID, NO_PRUNER = "grid", "none"

SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    # `group` makes multivariate TPE work in conditional spaces.
    "tpe": ("TPESampler", {"multivariate": True, "group": True}),
    "random": ("RandomSampler", {}),
    "cmaes": ("CmaEsSampler", {"warn_independent_sampling": False}),
    "gp": ("GPSampler", {"warn_independent_sampling": False}),
    "nsgaii": ("NSGAIISampler", {"population_size": 20}),
    # The sweeper enqueues every combination, so this one never samples.
    GRID: ("RandomSampler", {}),
}
"""Name to Optuna's class and the arguments that differ from its defaults."""

PRUNERS: dict[str, tuple[str, dict[str, Any]]] = {
    # The first epochs of a training predict little.
    "median": ("MedianPruner", {"n_warmup_steps": 3}),
    "hyperband": ("HyperbandPruner", {}),
    "successive_halving": ("SuccessiveHalving", {}),  # of `_halving`
    NO_PRUNER: ("NopPruner", {}),
}
"""Name to a class and the arguments that differ from its defaults."""

_PACKAGES = {"gp": "torch", "cmaes": "cmaes"}


def make_sampler(name: str, options: Any, seed: int) -> optuna.samplers.BaseSampler:
    """Builds a sampler.

    Args:
        name: One of `SAMPLERS`.
        options: Arguments of Optuna's class, without the seed.
        seed: The seed.

    Raises:
        SweepError: The name or an option is unknown, or a package is missing.

    Example:
        >>> from hydra_plugins.optuna_sweeper._algorithms import make_sampler
        >>> type(make_sampler("tpe", {"n_startup_trials": 5}, seed=1)).__name__
        'TPESampler'
    """
    return _make("sampler", SAMPLERS, name, options, seed=seed)


def make_pruner(name: str, options: Any) -> optuna.pruners.BasePruner:
    """Builds a pruner, one of `PRUNERS`; see `make_sampler`."""
    return _make("pruner", PRUNERS, name, options)


def _make(
    kind: str,
    classes: Mapping[str, tuple[str, dict[str, Any]]],
    name: str,
    options: Any,
    **fixed: object,
) -> Any:
    import optuna

    from hydra_plugins.optuna_sweeper import _halving

    key = f"hydra.sweeper.{kind}_options"
    require_name(f"hydra.sweeper.{kind}", name, classes)
    package = _PACKAGES.get(name)
    if package and find_spec(package) is None:
        raise SweepError(
            f"hydra.sweeper.{kind}={name} needs the package {package}; pip install {package}."
        )
    options = {} if options is None else options
    if not isinstance(options, Mapping):
        raise SweepError(f"{key} must be names and values, such as {{name: 1}}; got {options!r}.")
    class_name, defaults = classes[name]
    classes_of = getattr(optuna, f"{kind}s")
    algorithm = getattr(classes_of if hasattr(classes_of, class_name) else _halving, class_name)
    known = [name for name in inspect.signature(algorithm).parameters if name not in fixed]
    for option in options:
        require_name(f"Each key of {key}", option, known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some arguments are experimental
        try:
            return algorithm(**{**defaults, **options}, **fixed)
        except (TypeError, ValueError) as error:
            raise SweepError(f"{key}: {error}") from None
