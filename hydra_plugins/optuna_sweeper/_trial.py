"""The trial as the application in its process sees it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback

if TYPE_CHECKING:
    import optuna
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from hydra_plugins.optuna_sweeper._sweep import Sweep

TRIAL = "OPTUNA_SWEEPER_TRIAL"
"""Environment variable that names the trial of a process, as JSON."""

RESULT = "OPTUNA_SWEEPER_RESULT"
"""Environment variable with the file into which the trial's result is written."""

CALLBACK = f"+hydra.callbacks.optuna_sweeper._target_={__name__}.TrialCallback"
"""Override that has Hydra write the result file."""


def trial_environment(sweep: Sweep, trial: optuna.Trial) -> dict[str, str]:
    """Returns the variables from which `current_trial` opens a trial."""
    address = {
        "storage": sweep.storage,
        "study": sweep.study.study_name,
        "trial_id": trial._trial_id,
        "pruner": sweep.pruner,
        "pruner_options": sweep.settings.pruner_options,
    }
    return {TRIAL: json.dumps(address)}


def current_trial() -> optuna.Trial | None:
    """Returns Optuna's trial of this process, or `None` outside a sweep.

    Example:
        >>> from hydra_plugins.optuna_sweeper import current_trial
        >>> current_trial() is None  # no sweep runs this
        True
    """
    if TRIAL not in os.environ:
        return None
    import optuna

    from hydra_plugins.optuna_sweeper._pruners import make_pruner
    from hydra_plugins.optuna_sweeper._storage import load_study

    address = json.loads(os.environ[TRIAL])
    pruner = make_pruner(address["pruner"], address["pruner_options"])
    study = load_study(address["storage"], address["study"], pruner)
    return optuna.Trial(study, address["trial_id"])


def report_or_prune(trial: optuna.Trial, value: float, step: int) -> None:
    """Reports a value of the objective; does nothing in studies of several objectives.

    Args:
        trial: The trial of this process.
        value: The objective at this step.
        step: For instance the epoch.

    Raises:
        optuna.TrialPruned: The pruner ends the trial.

    Example:
        >>> import optuna
        >>> from hydra_plugins.optuna_sweeper import report_or_prune
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> trial = optuna.create_study().ask()
        >>> report_or_prune(trial, 0.5, step=0)
    """
    import optuna

    if len(trial.study.directions) > 1:
        return
    trial.report(value, step)
    if trial.should_prune():
        raise optuna.TrialPruned(f"Pruned after step {step}.")


class TrialCallback(Callback):
    """Writes what the application returned, or how it ended, for the sweeper to read."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Writes the result file."""
        from hydra.core.utils import JobStatus

        if RESULT not in os.environ:
            return
        returned = job_return._return_value
        if job_return.status == JobStatus.COMPLETED:
            result = _completed(returned)
        elif type(returned).__name__ == "TrialPruned":
            result = {"state": "pruned", "reason": str(returned)}
        else:
            lines = str(returned).strip().splitlines() or [""]
            result = {"state": "failed", "reason": f"{type(returned).__name__}: {lines[0]}"}
        file = Path(os.environ[RESULT])
        partial = file.with_suffix(".part")
        partial.write_text(json.dumps(result), encoding="utf-8")
        partial.replace(file)


def _completed(value: Any) -> dict[str, Any]:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    try:
        return {"state": "complete", "values": [float(v) for v in (value if is_list else [value])]}
    except (TypeError, ValueError):
        reason = f"It must return a number or several, but returned {value!r:.200}."
        return {"state": "failed", "reason": reason}
