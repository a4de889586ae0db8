"""A sweep in MLflow: its best trial, its plots, and how to train the best one on all data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gislr.sweeping.parent_run import RUN_ID, ParentRun
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import Sweep

if TYPE_CHECKING:
    import optuna

_PLOTS = "plots"


class SweepTracker(ParentRun):
    """Keeps a sweep's parent run up to date."""

    def on_trial_end(self, sweep: Sweep, trial: optuna.trial.FrozenTrial) -> None:
        """Writes the counts and the best so far, by trial."""
        super().on_trial_end(sweep, trial)
        if ranked := sweep.ranked():
            names = self._configuration.sweep.objectives
            best = zip(names, ranked[0].values, strict=True)
            self._run.metrics({f"best_{name}": value for name, value in best}, step=trial.number)

    def conclude(self, sweep: Sweep, *, complete: bool) -> None:
        """Writes the best trial and Optuna's plots, and says how to train it on all data."""
        from hydra_plugins.optuna_sweeper import write_plots

        ranked = sweep.ranked()
        if not ranked:
            return
        best = ranked[0]
        overrides = sweep.space.overrides(best.params)
        self._run.tags(
            {
                "best.trial": str(best.number),
                "best.run_id": str(best.user_attrs.get(RUN_ID, "unknown")),
                "best.value": ", ".join(repr(value) for value in best.values),
                "best.overrides": " ".join(overrides),
                **{f"best.{key}": str(value) for key, value in best.params.items()},
            }
        )
        retrain = _retraining(sweep.space.fixed, overrides)
        log.info(f"train the best one on all signers with:\n  python -m gislr.train {retrain}")
        with self._run.folder(_PLOTS) as folder:
            write_plots(sweep.study, folder, self._configuration.sweep.objectives)


def _retraining(fixed: Sequence[str], overrides: Sequence[str]) -> str:
    kept = [o for o in (*fixed, *overrides) if not o.startswith(("split=", "split."))]
    sweeping = any("experiments=sweep_" in override for override in kept)
    mode = ["hydra.mode=RUN"] if sweeping else []
    return " ".join(map(shlex.quote, [*kept, "split=none", *mode]))
