"""The trial as the application in its process sees it."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback

from hydra_plugins.optuna_sweeper._owner import is_gone

if TYPE_CHECKING:
    import optuna
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

TRIAL, RESULT, SWEEP = (f"OPTUNA_SWEEPER_{name}" for name in ("TRIAL", "RESULT", "SWEEP"))
"""Environment variables: the trial's address as JSON, the file for its result, its sweep."""

CALLBACK = f"+hydra.callbacks.optuna_sweeper._target_={__name__}.TrialCallback"
"""Override that adds `TrialCallback` to an application."""

_POLL_SECONDS = 0.5
_TERMINATE_SECONDS = 20.0


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

    from hydra_plugins.optuna_sweeper._algorithms import make_pruner
    from hydra_plugins.optuna_sweeper._storage import load_study

    address = json.loads(os.environ[TRIAL])
    pruner = make_pruner(address["pruner"], address["pruner_options"])
    return optuna.Trial(load_study(address["storage"], address["study"], pruner), address["id"])


def earlier_attempt(trial: optuna.Trial) -> optuna.trial.FrozenTrial | None:
    """Returns the trial that this one repeats, or goes on with where successive halving paused it.

    An application that kept its state takes it up; others begin anew.
    """
    from hydra_plugins.optuna_sweeper._sweep import RETRY_OF

    number = trial.user_attrs.get(RETRY_OF)
    if number is None:
        return None  # a large study takes seconds to load
    return next(t for t in trial.study.get_trials(deepcopy=False) if t.number == number)


def may_go_on(trial: optuna.Trial) -> bool:
    """Tells whether a trial that is pruned may go on later, so that its state is worth keeping."""
    from hydra_plugins.optuna_sweeper._halving import SuccessiveHalving

    return isinstance(trial.study.pruner, SuccessiveHalving)


def report_or_prune(trial: optuna.Trial, value: float, step: int, *, is_last: bool = False) -> None:
    """Reports a value of the objective; does nothing in studies of several objectives.

    Args:
        trial: The trial of this process.
        value: The objective at this step.
        step: For instance the epoch.
        is_last: Whether no step follows: there is nothing left to prune.

    Raises:
        optuna.TrialPruned: The pruner ends the trial.

    Example:
        >>> import optuna
        >>> from hydra_plugins.optuna_sweeper import report_or_prune
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> report_or_prune(optuna.create_study().ask(), 0.5, step=0)
    """
    import optuna

    if len(trial.study.directions) > 1:
        return
    trial.report(value, step)
    if not is_last and trial.should_prune():
        raise optuna.TrialPruned(f"Pruned after step {step}.")


class TrialCallback(Callback):
    """Ends the trial with its sweep, and writes its result for the sweep to read.

    A killed sweep cannot end its trials: they would run beside those of its successor.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Starts to watch the sweep's process."""
        sweep = os.environ[SWEEP]
        threading.Thread(target=_end_with, args=(sweep,), daemon=True).start()

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Writes what the application returned, or why it failed."""
        from hydra.core.utils import JobStatus

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


def _end_with(sweep: str) -> None:
    while not is_gone(sweep):
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_TERMINATE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _completed(value: Any) -> dict[str, Any]:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    try:
        return {"state": "complete", "values": [float(v) for v in (value if is_list else [value])]}
    except (TypeError, ValueError):
        reason = f"It must return a number or several, but returned {value!r:.200}."
        return {"state": "failed", "reason": reason}
