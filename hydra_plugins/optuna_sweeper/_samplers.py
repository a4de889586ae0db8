"""Optuna's samplers by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hydra_plugins.optuna_sweeper._errors import SweepError

if TYPE_CHECKING:
    import optuna

GRID = "grid"

SAMPLERS = {
    "tpe": ("TPESampler", {"multivariate": True, "group": True}),
    "random": ("RandomSampler", {}),
    "cmaes": ("CmaEsSampler", {"warn_independent_sampling": False}),
    "gp": ("GPSampler", {"warn_independent_sampling": False}),
    "nsgaii": ("NSGAIISampler", {"population_size": 20}),
    GRID: ("RandomSampler", {}),
}
"""Name to Optuna's class and the arguments that differ from its defaults.

`group` lets multivariate TPE work in conditional spaces. A grid's trials are queued, so whatever
samples besides is never asked.
"""

_PACKAGES = {"gp": "torch", "cmaes": "cmaes"}


def make_sampler(name: str, options: Any, seed: int) -> optuna.samplers.BaseSampler:
    """Builds a sampler.

    Args:
        name: One of `SAMPLERS`.
        options: Arguments of Optuna's class, without the seed.
        seed: The seed.

    Raises:
        SweepError: The name or an option is unknown, or a package is missing.
    """
    import optuna

    class_name, preset = known("sampler", name, SAMPLERS)
    package = _PACKAGES.get(name)
    if package:
        _require(name, package)
    return construct("sampler", getattr(optuna.samplers, class_name), preset, options, seed=seed)


def known(what: str, name: str, registry: Mapping[str, Any]) -> Any:
    """Returns a registry's entry, or raises a SweepError that lists the names there are."""
    if name not in registry:
        raise SweepError(
            f"hydra.sweeper.{what} must be one of {', '.join(registry)}; got {name!r}."
            f"{meant(name, registry)}"
        )
    return registry[name]


def meant(name: str, names: Iterable[str]) -> str:
    """Returns `" Did you mean 'x'?"` for the closest name, or an empty string."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def construct(
    what: str,
    function: Callable[..., Any],
    preset: Mapping[str, Any],
    options: Any,
    **fixed: object,
) -> Any:
    """Calls one of Optuna's classes, refusing options that it does not have."""
    import warnings

    options = {} if options is None else options
    if not isinstance(options, Mapping):
        raise SweepError(
            f"hydra.sweeper.{what}_options must be names and values, such as {{name: 1}}; "
            f"got {options!r}."
        )
    names = [name for name in inspect.signature(function).parameters if name not in fixed]
    for option in options:
        if option not in names:
            raise SweepError(
                f"hydra.sweeper.{what}_options.{option} is no option; "
                f"there are {', '.join(names) or 'none'}.{meant(option, names)}"
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental arguments
        try:
            return function(**{**preset, **options}, **fixed)
        except (TypeError, ValueError) as error:
            raise SweepError(f"hydra.sweeper.{what}_options: {error}") from None


def _require(name: str, package: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise SweepError(
            f"hydra.sweeper.sampler={name} needs the package {package}; pip install {package}."
        )
