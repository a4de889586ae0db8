"""The trainings of a sweep's trial that is a cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gislr.config.configuration import Configuration
from gislr.data.splits import GROUP_KFOLD, GroupKFold, GroupShuffle, NestedKFold
from gislr.utils.errors import SettingError


@dataclass(frozen=True)
class TrialFolds:
    """The folds and seeds of a trial.

    Attributes:
        values: The trial's configuration; its split holds one fold out.
        folds: Number of folds.
        seeds: The seeds with which each fold is trained.
    """

    values: dict[str, Any]
    folds: int
    seeds: list[int]

    @classmethod
    def of(cls, configuration: Configuration) -> TrialFolds | None:
        """Returns the folds of a configuration; `None` where a trial is one training.

        Raises:
            SettingError: Its split does not group clips, or there are seeds without folds.
        """
        settings, split = configuration.sweep, configuration.split
        folds = settings.folds or (split.folds if isinstance(split, NestedKFold) else None)
        if folds is None:
            if settings.seeds > 1:
                raise SettingError(
                    f"sweep.seeds={settings.seeds} needs sweep.folds, a number of folds. To try "
                    "several seeds on one split, sweep 'seed=range(0,3)'."
                )
            return None
        if not isinstance(split, GroupKFold | GroupShuffle):
            raise SettingError(
                f"sweep.folds needs a split that groups clips, such as split=group_kfold; "
                f"got split={split.name}."
            )
        grouped = {"name": GROUP_KFOLD, "column": split.column, "seed": split.seed}
        kept = split.model_dump() if isinstance(split, GroupKFold) else grouped
        return cls(
            values={
                **configuration.values,
                "split": {**kept, "folds": folds, "fold": 0},
                "sweep": {**configuration.values["sweep"], "folds": None, "seeds": 1},
            },
            folds=folds,
            seeds=[configuration.seed + k for k in range(settings.seeds)],
        )

    def trainings(self) -> dict[tuple[int, int], DictConfig]:
        """Returns the configuration of each training, by fold and seed."""
        return {
            (fold, seed): OmegaConf.create(
                {**self.values, "split": {**self.values["split"], "fold": fold}, "seed": seed}
            )
            for seed in self.seeds
            for fold in range(self.folds)
        }


def identity_values(configuration: Configuration) -> dict[str, Any]:
    """Returns the values that decide a trial's numbers; those of a training are its own."""
    folds = TrialFolds.of(configuration)
    if folds is None:
        return configuration.values
    every = {**folds.values["split"], "fold": list(range(folds.folds))}
    return {**folds.values, "split": every, "seed": folds.seeds}
