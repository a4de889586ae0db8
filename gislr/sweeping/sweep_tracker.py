"""Records a sweep: its best trial, its plots, and the command that trains the best one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gislr.sweeping.parent_run import RUN_ID, ParentRun
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import Sweep, write_plots

if TYPE_CHECKING:
    import optuna


class SweepTracker(ParentRun):
    """Records the best trial of a sweep."""

    def on_trial_end(self, sweep: Sweep, trial: optuna.trial.FrozenTrial) -> None:
        """Records the counts and the best values so far, by trial."""
        super().on_trial_end(sweep, trial)
        if ranked := sweep.ranked():
            names = self._configuration.sweep.objectives
            best = zip(names, ranked[0].values, strict=True)
            self._run.metrics({f"best_{name}": value for name, value in best}, step=trial.number)

    def conclude(self, sweep: Sweep) -> None:
        """Records the best trial and Optuna's plots; logs the command that trains it."""
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
        command = _training_command([*sweep.space.fixed, *overrides])
        log.info(f"train the best trial on all signers with:\n  {command}")
        with self._run.folder("plots") as folder:
            write_plots(sweep.study, folder, self._configuration.sweep.objectives)


def _training_command(overrides: Sequence[str]) -> str:
    kept = [override for override in overrides if not override.startswith(("split=", "split.", "sweep."))]
    sweeping = any("experiments=sweep_" in override for override in kept)
    mode = ["hydra.mode=RUN"] if sweeping else []
    return shlex.join(["gislr", "train", *kept, "split=none", *mode])
