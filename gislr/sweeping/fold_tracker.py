"""Records a cross-validation: a parent run, with one run for each fold and seed below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gislr.data.splits import SIGNER
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.folds import cross_validation
from gislr.evaluation.reports.summary import cross_validation_summary
from gislr.sweeping.parent_run import RUN_ID, ParentRun
from gislr.tracking.outbox import attempt
from gislr.tracking.run_reader import OUT_OF_FOLD, LoggedRun
from gislr.utils.errors import DataError
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import Sweep

if TYPE_CHECKING:
    import optuna


FOLD, SEED = "split.fold", "seed"


class CrossValidationTracker(ParentRun):
    """Pools the predictions of all folds."""

    run_names = "fold {fold}, seed {seed}"
    show_best = False  # folds are not alternatives

    def conclude(self, sweep: Sweep) -> None:
        """Records means, intervals, tables and the pooled predictions."""
        trials = [trial for trial in sweep.trials() if trial.state.name == "COMPLETE"]
        if missing := sweep.n_trials - len(trials):
            log.info(
                f"{missing} of {sweep.n_trials} trainings are missing, so there is no result yet; "
                "the same command resumes."
            )
            return
        results: dict[tuple[int, int], ClipPredictions] = {}
        failure = attempt(lambda: results.update(self._result(trial) for trial in trials))
        if failure is not None:
            log.warning(
                f"The folds' predictions cannot be read ({failure}), so there is no result yet. "
                "Once the tracking store answers: gislr sync, then the same command."
            )
            return
        result = cross_validation(results)
        log.info(cross_validation_summary(result))
        self._run.metrics(
            {
                f"cv_{name}{end}": value
                for name, found in result.intervals.items()
                for end, value in (("", found.value), ("_low", found.low), ("_high", found.high))
            }
        )
        with self._run.folder() as folder:
            result.by_fold.to_csv(folder / "per_fold.csv", index=False)
            result.by_signer.to_csv(folder / "per_signer.csv", index=False)
            result.by_sign.to_csv(folder / "per_sign.csv", index=False)
        with self._run.folder(OUT_OF_FOLD) as folder:
            for seed, predictions in result.pooled.items():
                predictions.save(folder / f"seed_{seed}.parquet")

    def _result(self, trial: optuna.trial.FrozenTrial) -> tuple[tuple[int, int], ClipPredictions]:
        """Returns a trial's fold and seed, and its predictions."""
        run = LoggedRun.of(self._run.client, str(trial.user_attrs[RUN_ID]))
        [predictions] = run.predictions()
        held_out = run.held_out()
        leaked = sorted(set(predictions.signer_names) - set(held_out.groups))
        if held_out.column == SIGNER and leaked:
            raise DataError(
                f"Run {run.run_id} must have been evaluated on held-out signers; it was trained on "
                f"{', '.join(leaked)}."
            )
        return (int(trial.params[FOLD]), int(trial.params[SEED])), predictions
