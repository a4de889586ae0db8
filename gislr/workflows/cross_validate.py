"""Trains on folds of signers with several seeds, and says how sure the result is.

python -m gislr.cross_validate data=asl_signs data.root=DIR
python -m gislr.cross_validate model.units=384 'seed=range(0,3)' split.folds=10
python -m gislr.cross_validate +experiments=notebook training.epochs=30

Takes every key of `python -m gislr.train` and of the sweeper. Killed at any moment, the same
command goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from gislr.sweeping.fold_tracker import CrossValidationTracker
from gislr.utils.errors import SettingError
from gislr.workflows.train import train
from hydra_plugins.optuna_sweeper import add_callback

SPLIT = "group_kfold"
FOLDS = 5
SEEDS = "range(0,2)"


def with_folds(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments with the folds and seeds that are not given.

    Raises:
        SettingError: Another split, or a single fold, is asked for.
    """
    if "hydra.mode=RUN" in arguments:
        return list(arguments)
    add_callback(CrossValidationTracker())
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    if given.get("split", SPLIT) != SPLIT:
        raise SettingError(
            f"A cross-validation needs split={SPLIT}; got split={given['split']}, "
            "use gislr.train for it."
        )
    if "split.fold" in given:
        raise SettingError(
            "A cross-validation holds out every fold once; leave split.fold out, "
            "or use gislr.train for one of them."
        )
    folds = given.get("split.folds", FOLDS)
    added = {"split": SPLIT, "split.fold": f"range(0,{folds})", "seed": SEEDS}
    missing = [f"{key}={value}" for key, value in added.items() if key not in given]
    swept = given.get("seed", SEEDS)
    # A single seed, too, is a trial's parameter, so that tables can name it.
    single = swept.isdigit()
    kept = [a for a in arguments if not (single and a.startswith("seed="))]
    alone = [f"seed=range({swept},{int(swept) + 1})"] if single else []
    return ["-m", *kept, *missing, *alone]


def cross_validate(config: DictConfig) -> list[float] | None:
    """Trains one fold with one seed; the folds are trials of a sweep."""
    return train(config).objective
