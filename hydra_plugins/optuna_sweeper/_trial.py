"""The trial as the application in its process sees it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

TRIAL = "OPTUNA_SWEEPER_TRIAL"
"""Environment variable that tells a process which trial it is."""

RESULT = "OPTUNA_SWEEPER_RESULT"
"""Environment variable with the file into which the trial's result is written."""


CALLBACK = f"+hydra.callbacks.optuna_sweeper._target_={__name__}.TrialCallback"
"""Override that has Hydra write the result file."""


@dataclass(frozen=True)
class TrialAddress:
    """Where a trial is found.

    Attributes:
        storage: Optuna's storage URL.
        study: The study's name.
        trial_id: The trial's id in the storage.
        number: Its number in the study.
        pruner: The pruner's name.
        pruner_options: The pruner's arguments.
    """

    storage: str
    study: str
    trial_id: int
    number: int
    pruner: str
    pruner_options: Any = None

    def environment(self) -> dict[str, str]:
        """Returns the variables by which a process learns which trial it is."""
        return {TRIAL: json.dumps(asdict(self))}


class ReportingTrial:
    """Reports a running trial's values into the study and asks whether to go on.

    Args:
        address: Where the trial is found.
    """

    def __init__(self, address: TrialAddress) -> None:
        import optuna

        from hydra_plugins.optuna_sweeper._pruners import make_pruner
        from hydra_plugins.optuna_sweeper._storage import load_study

        self.number = address.number
        self.study_name = address.study
        pruner = make_pruner(address.pruner, address.pruner_options)
        self._trial = optuna.Trial(
            load_study(address.storage, address.study, pruner), address.trial_id
        )

    @property
    def study_notes(self) -> dict[str, Any]:
        """What observers have kept with the study."""
        return self._trial.study.user_attrs

    def note(self, name: str, value: str) -> None:
        """Keeps a text with the trial, such as the id of its run elsewhere."""
        self._trial.set_user_attr(name, value)

    def report(self, value: float, step: int) -> None:
        """Reports a value of the objective; ignored in studies of several objectives.

        Raises:
            optuna.TrialPruned: The trial is worse than the pruner lets pass.
        """
        import optuna

        if len(self._trial.study.directions) > 1:
            return
        self._trial.report(value, step)
        if self._trial.should_prune():
            raise optuna.TrialPruned(f"Pruned after step {step}.")


def current_trial() -> ReportingTrial | None:
    """Returns the trial that this process is, or `None` outside a sweep."""
    address = os.environ.get(TRIAL)
    return ReportingTrial(TrialAddress(**json.loads(address))) if address else None


class TrialCallback(Callback):
    """Writes what the application returned, or how it ended, for the sweeper to read."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Writes the result file."""
        from hydra.core.utils import JobStatus

        if RESULT not in os.environ:
            return
        returned = job_return._return_value
        if job_return.status == JobStatus.COMPLETED:
            result = _returned(returned)
        elif type(returned).__name__ == "TrialPruned":
            result = {"state": "pruned", "reason": str(returned)}
        else:
            lines = str(returned).strip().splitlines() or [""]
            result = {"state": "failed", "reason": f"{type(returned).__name__}: {lines[0]}"}
        file = Path(os.environ[RESULT])
        beside = file.with_suffix(".part")
        beside.write_text(json.dumps(result), encoding="utf-8")
        beside.replace(file)


def _returned(value: Any) -> dict[str, Any]:
    many = isinstance(value, Sequence) and not isinstance(value, str)
    values = list(value) if many else [value]
    try:
        return {"state": "complete", "values": [float(entry) for entry in values]}
    except (TypeError, ValueError):
        reason = f"It must return a number or several, but returned {value!r:.200}."
        return {"state": "failed", "reason": reason}
