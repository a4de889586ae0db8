"""A Hydra sweeper on Optuna that prunes, resumes and isolates.

`hydra/sweeper=optuna` runs every trial as a process of its own, prunes by the values that the
application reports, and goes on where a killed sweep stopped. In the application:

    from hydra_plugins.optuna_sweeper import current_trial

    trial = current_trial()  # None outside a sweep
    for epoch in range(epochs):
        ...
        if trial:
            trial.report(score, epoch)  # raises optuna.TrialPruned
    return score

Only what Hydra has to find is in modules without an underscore: Hydra executes those anew when it
looks for plugins.
"""

from hydra_plugins.optuna_sweeper._errors import SweepError
from hydra_plugins.optuna_sweeper._observer import Observer, Recalled, observe
from hydra_plugins.optuna_sweeper._owner import is_gone, owner_tag
from hydra_plugins.optuna_sweeper._pictures import write_pictures
from hydra_plugins.optuna_sweeper._settings import SweeperSettings
from hydra_plugins.optuna_sweeper._sweep import Sweep
from hydra_plugins.optuna_sweeper._trial import ReportingTrial, current_trial

__all__ = [
    "Observer",
    "Recalled",
    "ReportingTrial",
    "Sweep",
    "SweepError",
    "SweeperSettings",
    "current_trial",
    "is_gone",
    "observe",
    "owner_tag",
    "write_pictures",
]
