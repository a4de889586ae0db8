"""Records a cross-validation: a parent run, with one run for each fold and seed below it."""

from __future__ import annotations

from gislr.config.configuration import open_data
from gislr.data.store import Store
from gislr.evaluation.metrics.folds import CrossValidation, cross_validation
from gislr.evaluation.metrics.signer_factors import correlations, signer_factors
from gislr.evaluation.reports.summary import cross_validation_summary
from gislr.sweeping.evaluated_trials import EvaluatedTrials, Results
from gislr.tracking.run import TrackedRun
from gislr.tracking.run_reader import OUT_OF_FOLD
from gislr.utils.log import log
from gislr.utils.spreadsheet import write_csv


class CrossValidationTracker(EvaluatedTrials):
    """Pools the predictions of all folds."""

    run_names = "fold {fold}, seed {seed}"
    setting = "split.fold"

    def summarize(self, results: Results) -> None:
        """Records means, intervals, tables and the pooled predictions."""
        result = cross_validation(results)
        record_cross_validation(self._run, result, open_data(self._configuration))


def record_cross_validation(run: TrackedRun, result: CrossValidation, store: Store) -> None:
    """Records and logs the scores of all folds, their tables and what goes with accuracy."""
    first = next(iter(result.pooled.values()))
    factors = correlations(signer_factors(first, store))
    log.info(cross_validation_summary(result, factors))
    run.metrics(
        {
            f"cv_{name}{end}": value
            for name, found in result.intervals.items()
            for end, value in (("", found.value), ("_low", found.low), ("_high", found.high))
        }
    )
    with run.folder() as folder:
        write_csv(result.by_fold, folder / "per_fold.csv", index=False)
        write_csv(result.by_signer, folder / "per_signer.csv", index=False)
        write_csv(result.by_sign, folder / "per_sign.csv", index=False)
        write_csv(factors, folder / "signer_factors.csv", index=False)
    with run.folder(OUT_OF_FOLD) as folder:
        for seed, predictions in result.pooled.items():
            predictions.save(folder / f"seed_{seed}.parquet")
