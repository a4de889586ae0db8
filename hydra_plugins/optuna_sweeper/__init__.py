"""A Hydra sweeper on Optuna that prunes, resumes and isolates.

`hydra/sweeper=optuna` runs every trial in its own process, prunes by the values that the
application reports, and resumes a killed sweep. The package's README.md shows an application.

Hydra executes modules without an underscore a second time when it looks for plugins; only the
plugin itself is in one.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra_plugins.optuna_sweeper._callbacks import CachedResult, SweepCallback, set_callbacks
    from hydra_plugins.optuna_sweeper._credentials import has_password
    from hydra_plugins.optuna_sweeper._errors import SweepError
    from hydra_plugins.optuna_sweeper._forking import begin_preloading, preload, start_call
    from hydra_plugins.optuna_sweeper._owner import is_gone, owner_tag
    from hydra_plugins.optuna_sweeper._plots import write_plots
    from hydra_plugins.optuna_sweeper._process import grid_command, run_forked, same_command
    from hydra_plugins.optuna_sweeper._settings import SweeperSettings
    from hydra_plugins.optuna_sweeper._sweep import ENDED, Sweep, is_local
    from hydra_plugins.optuna_sweeper._trial import (
        current_trial,
        earlier_attempt,
        may_go_on,
        report_or_prune,
    )

__all__ = [
    "ENDED",
    "CachedResult",
    "Sweep",
    "SweepCallback",
    "SweepError",
    "SweeperSettings",
    "begin_preloading",
    "current_trial",
    "earlier_attempt",
    "grid_command",
    "has_password",
    "is_gone",
    "is_local",
    "may_go_on",
    "owner_tag",
    "preload",
    "report_or_prune",
    "run_forked",
    "same_command",
    "set_callbacks",
    "start_call",
    "write_plots",
]

_MODULES = (
    "callbacks",
    "credentials",
    "errors",
    "forking",
    "settings",
    "trial",
    "owner",
    "sweep",
    "plots",
    "process",
)


def __getattr__(name: str) -> object:
    """Imports a name when it is used: Hydra imports this package at every start."""
    for module in _MODULES:
        if name in __all__ and hasattr(found := import_module(f"{__name__}._{module}"), name):
            return getattr(found, name)
    raise AttributeError(f"{__name__} has no {name!r}.")
