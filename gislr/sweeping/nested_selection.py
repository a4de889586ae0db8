"""Judges how a sweep chooses, on signers that nothing was chosen on.

The sweep is run again without each outer fold of signers; what it chooses there is trained on the
others and evaluated on that fold. The scores of all outer folds are those of the whole procedure,
the choice included: nested cross-validation (Varma and Simon, 2006, doi:10.1186/1471-2105-7-91).
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from gislr.config.configuration import Configuration, open_data
from gislr.config.overrides import to_overrides
from gislr.data.splits import GROUP_KFOLD, NestedKFold
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.folds import cross_validation
from gislr.sweeping.evaluated_trials import SEED, held_out_predictions
from gislr.sweeping.fold_tracker import record_cross_validation
from gislr.sweeping.tracked_command import run_tracked
from gislr.tracking.run import TrackedRun
from gislr.tracking.run_reader import PARENT_TAG, LoggedRun
from gislr.tracking.training_record import SWEEP
from gislr.utils.errors import GislrError
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import Sweep, grid_command, same_command

if TYPE_CHECKING:
    import pandas as pd

CHOICES = "choices.csv"
"""Artifact: what each outer fold chose."""


@dataclass(frozen=True)
class NestedSelection:
    """The judgment of a sweep over `split=nested`.

    Attributes:
        sweep: The sweep over all signers.
        configuration: One of its trials'.
        run: The sweep's run.
        find: Returns the id of the finished run of some overrides, or `None`.
    """

    sweep: Sweep
    configuration: Configuration
    run: TrackedRun
    find: Callable[[Sequence[str]], str | None]

    @property
    def split(self) -> NestedKFold:
        """The split."""
        split: Any = self.configuration.split
        return split

    def judge(self) -> None:
        """Runs what is not finished yet, and records and logs the scores.

        Several processes may do so at once. Each goes through all that is left, and waits only then
        for what others run: a choice is made when all of its trials have ended.

        Raises:
            GislrError: A sweep or a training failed.
        """
        import pandas as pd

        folds = range(self.split.outer_folds)
        # Within its hours a sweep waits at once: a second one would have hours of its own.
        waits = (True,) if self.sweep.settings.hours else (False, True)
        searches = {fold: self._search(fold, wait=wait) for wait, fold in product(waits, folds)}
        choices = {fold: self._best(fold, run_id) for fold, run_id in searches.items()}
        for wait, fold in product((False, True), folds):
            self._train(fold, choices[fold], wait=wait)
        results: dict[tuple[Any, int], ClipPredictions] = {}
        rows: list[dict[str, object]] = []
        for fold, chosen in choices.items():
            for number, run in enumerate(self._trained(fold, chosen)):
                results[fold, number] = held_out_predictions(run)
                row = {"outer_fold": fold, "run_id": run.run_id, "inner_score": chosen.values[0]}
                rows.append({**row, **results[fold, number].score(), **chosen.params})
        result = cross_validation(results)
        record_cross_validation(self.run, result, open_data(self.configuration))
        table = pd.DataFrame(rows)
        with self.run.folder() as folder:
            table.to_csv(folder / CHOICES, index=False)
        best = self.sweep.ranked()[0]
        log.info(
            "  these signers chose nothing; the best trial's own "
            f"{self.configuration.sweep.objectives[0]} is {best.values[0]:.4f}"
        )
        for key, value in best.params.items():
            log.info(f"  {key}: {value} chosen; in the outer folds {agreement(table, key)}")

    def _search(self, fold: int, *, wait: bool) -> str:
        """Runs the sweep without an outer fold, unless it is over; returns the id of its run."""
        tag = f"outer_fold_{fold}"
        run_id = LoggedRun.of(self.run.client, self.run.run_id).tags.get(tag)
        if run_id is not None and self._sweep_of(run_id).is_over():
            return run_id
        log.info(f"\nouter fold {fold} of {self.split.outer_folds}")
        keys: dict[str, Any] = {"wait": wait}
        if name := self.sweep.settings.study_name:
            keys["study_name"] = f"{name}-outer-{fold}"
        overrides = to_overrides({"split": {"outer_fold": fold}, "hydra": {"sweeper": keys}})
        run_id = run_tracked(same_command(*overrides))
        self.run.tags({tag: run_id})
        self.run.client.set_tag(run_id, PARENT_TAG, self.run.run_id)
        return run_id

    def _best(self, fold: int, run_id: str) -> Any:
        """Returns the best trial of the sweep without an outer fold."""
        ranked = self._sweep_of(run_id).ranked()
        if not ranked:
            raise GislrError(f"Outer fold {fold} must have a complete trial; it has none.")
        return ranked[0]

    def _sweep_of(self, run_id: str) -> Sweep:
        return self.sweep.other(LoggedRun.of(self.run.client, run_id).tags[SWEEP])

    def _seeds(self, chosen: Any) -> range:
        first = int(chosen.params.get(SEED, self.configuration.seed))
        return range(first, first + self.configuration.sweep.seeds)

    def _training(self, fold: int, chosen: Any) -> list[str]:
        """Returns the overrides of the training of a choice, evaluated on its outer fold."""
        split = {
            "column": self.split.column,
            "folds": self.split.outer_folds,
            "fold": fold,
            "seed": self.split.seed,
        }
        given = [*self.sweep.space.fixed, *self.sweep.space.overrides(chosen.params)]
        return [
            *(o for o in training_overrides(given) if not o.startswith(f"{SEED}=")),
            f"split={GROUP_KFOLD}",
            *to_overrides({"split": split, "tracking": {"run_name": f"outer fold {fold}"}}),
        ]

    def _train(self, fold: int, chosen: Any, *, wait: bool) -> None:
        """Trains a choice with every seed, unless that is done, as the trials of a small sweep."""
        overrides, seeds = self._training(fold, chosen), self._seeds(chosen)
        if all(self.find([*overrides, f"{SEED}={seed}"]) for seed in seeds):
            return
        log.info(f"\ntrains the choice of outer fold {fold}")
        sweeper: dict[str, Any] = {"wait": wait, "skip_finished": True}
        if name := self.sweep.settings.study_name:
            sweeper["study_name"] = f"{name}-outer-{fold}-trial-{chosen.number}"
        # Experiments may have keys of sweeps.
        sweep = {
            "objective": self.configuration.sweep.objective,
            "folds": None,
            "seeds": 1,
            "hours": None,
            "warm_start": None,
        }
        keys = to_overrides({"sweep": sweep, "hydra": {"sweeper": sweeper}})
        swept = f"{SEED}=range({seeds.start},{seeds.stop})"
        run_id = run_tracked(grid_command(self.sweep, *overrides, *keys, swept), quiet=True)
        self.run.client.set_tag(run_id, PARENT_TAG, self.run.run_id)
        failed = [t for t in self._sweep_of(run_id).trials() if t.state.name == "FAIL"]
        for trial in failed:
            seed = f"{SEED}={trial.params[SEED]}"
            raise GislrError(
                f"The choice of outer fold {fold} cannot be trained: {trial.user_attrs['reason']} "
                f"Once it can, train it with: {shlex.join(['gislr', 'train', *overrides, seed])}, "
                "then the same command again."
            )

    def _trained(self, fold: int, chosen: Any) -> Iterator[LoggedRun]:
        """Yields the trainings of a choice, by seed."""
        overrides = self._training(fold, chosen)
        for seed in self._seeds(chosen):
            run_id = self.find([*overrides, f"{SEED}={seed}"])
            if run_id is None:
                raise GislrError(
                    f"The training of outer fold {fold} must be recorded, but the tracking store "
                    "does not have it; once it answers: gislr sync, then the same command."
                )
            run = LoggedRun.of(self.run.client, run_id)
            log.info(
                f"outer fold {fold}, seed {seed}, "
                f"{' '.join(self.sweep.space.overrides(chosen.params))}: "
                f"weighted F1 {run.metrics['val_weighted_f1']:.4f}"
            )
            yield run


def training_overrides(overrides: Sequence[str]) -> list[str]:
    """Returns a trial's overrides without those that are the sweep's own: its split, its folds."""
    own = ("split=", "split.", "sweep.", "hydra.")
    return [override for override in overrides if not override.startswith(own)]


def agreement(choices: pd.DataFrame, key: str) -> str:
    """Returns how often each value of a key was chosen, or the range of its real numbers.

    Args:
        choices: A row per outer fold and seed.
        key: A column, missing where conditions exclude the key.

    Example:
        >>> import pandas as pd
        >>> chosen = {"outer_fold": [0, 1, 2], "model.units": [384, 256, 384]}
        >>> agreement(pd.DataFrame(chosen), "model.units")
        '384 (2 times), 256'
    """
    by_fold = choices.drop_duplicates("outer_fold")
    values = by_fold[key].dropna().tolist() if key in by_fold else []
    if len(set(values)) > 1 and all(isinstance(value, float) for value in values):
        return f"{min(values):.3g} to {max(values):.3g}"
    counts = Counter(values).most_common()
    return ", ".join(f"{v} ({n} times)" if n > 1 else str(v) for v, n in counts) or "none"
