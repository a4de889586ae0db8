"""Records a sweep: its best trial, its plots, and the command that trains the best one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gislr.config.configuration import Configuration
from gislr.data.splits import NestedKFold
from gislr.sweeping.nested_selection import NestedSelection, training_overrides
from gislr.sweeping.parent_run import RUN_ID, ParentRun
from gislr.tracking.resuming import remove_checkpoints
from gislr.utils.errors import SettingError
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import Sweep, write_plots

if TYPE_CHECKING:
    import optuna


class SweepTracker(ParentRun):
    """Records the best trial of a sweep."""

    def check(self, configuration: Configuration) -> None:
        """Checks that a choice which is judged is one, and is made without other signers."""
        super().check(configuration)
        sweep = configuration.sweep
        if not isinstance(configuration.split, NestedKFold):
            return
        if len(sweep.objectives) > 1:
            raise SettingError(
                "split=nested judges one choice and needs one sweep.objective; got "
                f"{', '.join(sweep.objectives)}."
            )
        if sweep.warm_start is not None:
            raise SettingError(
                "split=nested judges a choice on signers who chose nothing, but an earlier study "
                f"may have asked them; leave out sweep.warm_start={sweep.warm_start}."
            )

    def on_trial_end(self, sweep: Sweep, trial: optuna.trial.FrozenTrial) -> None:
        """Records the counts and the best values so far."""
        super().on_trial_end(sweep, trial)
        if ranked := sweep.ranked():
            names = self._configuration.sweep.objectives
            best = zip(names, ranked[0].values, strict=True)
            self.record_progress(trial, {f"best_{name}": value for name, value in best})

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
        if not self._is_nested():
            _log_command(sweep)
        with self._run.folder("plots") as folder:
            write_plots(sweep.study, folder, self._configuration.sweep.objectives)

    def judge(self, sweep: Sweep) -> None:
        """Judges a sweep over `split=nested` on its outer folds."""
        for trial in sweep.study.get_trials(deepcopy=False):
            # Those that successive halving paused go no further.
            tracking = self._configuration.tracking
            remove_checkpoints(tracking, str(trial.user_attrs.get(RUN_ID, "none")))
        if not self._is_nested() or self.is_outer or not sweep.ranked():
            return

        def find(overrides: Sequence[str]) -> str | None:
            found = self.cached_result(sweep, overrides)
            return found.attributes[RUN_ID] if found else None

        NestedSelection(sweep, self._configuration, self._run, find).judge()
        _log_command(sweep)

    def _is_nested(self) -> bool:
        return isinstance(self._configuration.split, NestedKFold)

    @property
    def is_outer(self) -> bool:
        """Whether it leaves an outer fold out, for a sweep that judges it."""
        return getattr(self._configuration.split, "outer_fold", None) is not None


def _log_command(sweep: Sweep) -> None:
    """Logs the command that trains the best trial."""
    chosen = sweep.space.overrides(sweep.ranked()[0].params)
    kept = training_overrides([*sweep.space.fixed, *chosen])
    sweeping = any("experiments=sweep_" in override for override in kept)
    mode = ["hydra.mode=RUN"] if sweeping else []
    command = shlex.join(["gislr", "train", *kept, "split=none", *mode])
    log.info(f"train the best trial on all signers with:\n  {command}")
