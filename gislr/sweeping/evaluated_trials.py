"""A sweep whose trials are no alternatives: their predictions are put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from gislr.config.configuration import Configuration
from gislr.config.trial_folds import TrialFolds
from gislr.data.held_out import SIGNER
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.sweeping.parent_run import RUN_ID, ParentRun
from gislr.tracking.outbox import attempt
from gislr.tracking.run_reader import LoggedRun
from gislr.utils.errors import DataError, SettingError
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import Sweep

if TYPE_CHECKING:
    import optuna

SEED = "seed"

Results = Mapping[tuple[Any, int], ClipPredictions]
"""By the value of a setting and the seed, the predictions of a trial."""


class EvaluatedTrials(ParentRun):
    """Puts the predictions of all trials together, once there are all of them.

    Attributes:
        setting: The key that differs between trials, beside the seed.
    """

    setting: ClassVar[str]
    show_best = False

    def check(self, configuration: Configuration) -> None:
        """Refuses trials that are cross-validations themselves."""
        if TrialFolds.of(configuration):
            raise SettingError(
                "Only trials of gislr sweep can be cross-validations; here, leave out sweep.folds "
                "and split=nested."
            )

    def summarize(self, results: Results) -> None:
        """Records what the trials say together."""
        raise NotImplementedError

    def conclude(self, sweep: Sweep) -> None:
        """Reads every trial's predictions."""
        trials = [trial for trial in sweep.trials() if trial.state.name == "COMPLETE"]
        if missing := sweep.n_trials - len(trials):
            log.info(
                f"{missing} of {sweep.n_trials} trainings are missing, so there is no result yet; "
                "the same command resumes."
            )
            return
        results: dict[tuple[Any, int], ClipPredictions] = {}
        failure = attempt(lambda: results.update(self._result(trial) for trial in trials))
        if failure is not None:
            log.warning(
                f"The trainings' predictions cannot be read ({failure}), so there is no result "
                "yet. Once the tracking store answers: gislr sync, then the same command."
            )
            return
        if len(results) < len(trials):
            log.warning(
                f"Only {self.setting} and {SEED} may differ between these trainings, but other "
                "settings do, so there is no result; fix them."
            )
            return
        self.summarize(results)

    def _result(self, trial: optuna.trial.FrozenTrial) -> tuple[tuple[Any, int], ClipPredictions]:
        """Returns a trial's setting and seed, and its predictions."""
        run = LoggedRun.of(self._run.client, str(trial.user_attrs[RUN_ID]))
        return (trial.params[self.setting], int(trial.params[SEED])), held_out_predictions(run)


def held_out_predictions(run: LoggedRun) -> ClipPredictions:
    """Returns the predictions of a training.

    Raises:
        DataError: They are of signers that it was trained on.
    """
    [predictions] = run.predictions()
    held_out = run.held_out()
    leaked = sorted(set(predictions.signer_names) - set(held_out.groups))
    if held_out.column == SIGNER and leaked:
        raise DataError(
            f"Run {run.run_id} must have been evaluated on held-out signers; it was trained on "
            f"{', '.join(leaked)}."
        )
    return predictions
