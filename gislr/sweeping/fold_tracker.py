"""A cross-validation in MLflow: one parent run, a run for each fold and seed below it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gislr.evaluation.metrics import folds as evaluation
from gislr.evaluation.metrics.clip_predictions import FILE, ClipPredictions
from gislr.evaluation.reports.summary import cross_validation_summary
from gislr.sweeping.parent_run import RUN_ID, ParentRun
from gislr.tracking.outbox import attempt
from gislr.tracking.run_reader import OUT_OF_FOLD
from gislr.utils.errors import DataError
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import Sweep

if TYPE_CHECKING:
    import optuna

FOLD, SEED = "split.fold", "seed"


class CrossValidationTracker(ParentRun):
    """Puts the folds' predictions together when all of them are there."""

    run_names = "fold {fold}, seed {seed}"
    show_best = False  # folds are not alternatives

    def conclude(self, sweep: Sweep, *, complete: bool) -> None:
        """Writes means, intervals over signers, tables and the pooled predictions."""
        trials = [trial for trial in sweep.trials() if trial.state.name == "COMPLETE"]
        if len(trials) < sweep.n_trials:
            log.info(
                f"{sweep.n_trials - len(trials)} of {sweep.n_trials} trainings are missing: "
                "nothing is put together yet; the same command goes on."
            )
            return
        results: list[evaluation.FoldResult] = []
        failure = attempt(lambda: results.extend(self._result(trial) for trial in trials))
        if failure is not None:
            log.warning(
                f"The folds' predictions cannot be read ({failure}): nothing is put together yet. "
                "Once the tracking store answers: gislr sync, then the same command."
            )
            return
        result = evaluation.cross_validation(results)
        log.info(cross_validation_summary(result))
        metrics: dict[str, float] = {}
        for name, interval in result.intervals.items():
            metrics |= {
                f"cv_{name}": interval.value,
                f"cv_{name}_low": interval.low,
                f"cv_{name}_high": interval.high,
            }
        self._run.metrics(metrics)
        with self._run.folder() as folder:
            result.by_fold.to_csv(folder / "per_fold.csv", index=False)
            result.by_signer.to_csv(folder / "per_signer.csv", index=False)
            result.by_sign.to_csv(folder / "per_sign.csv", index=False)
        with self._run.folder(OUT_OF_FOLD) as folder:
            for seed, predictions in result.pooled.items():
                predictions.save(folder / f"seed_{seed}.parquet")

    def _result(self, trial: optuna.trial.FrozenTrial) -> evaluation.FoldResult:
        client: Any = self._run.client
        run_id = str(trial.user_attrs[RUN_ID])
        tags = client.get_run(run_id).data.tags
        with tempfile.TemporaryDirectory() as folder:
            file = client.download_artifacts(run_id, f"evaluation/{FILE}", folder)
            predictions = ClipPredictions.load(Path(file))
        held_out = set(tags["held_out_signers"].split(", "))
        strangers = sorted(set(predictions.signers.tolist()) - held_out)
        if strangers:
            raise DataError(
                f"Run {run_id} must have been evaluated on signers held out; "
                f"{', '.join(strangers)} were trained on."
            )
        return evaluation.FoldResult(int(trial.params[FOLD]), int(trial.params[SEED]), predictions)
