"""Trains on folds of signers with several seeds, and puts the folds together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import DictConfig

from gislr.config.composition import compose
from gislr.sweeping.fold_tracker import CrossValidationTracker
from gislr.sweeping.tracked_command import run_tracked
from gislr.tracking.run_search import find_run
from gislr.utils.errors import GislrError
from gislr.workflows.command_settings import CommandSettings, read_command
from gislr.workflows.train import train
from gislr.workflows.train_one import TrainingResult

SWEEP_CALLBACK = CrossValidationTracker
"""Puts the folds together when all of them are trained."""


@dataclass(frozen=True)
class CrossValidationResult:
    """The results of a cross-validation.

    Attributes:
        run_id: MLflow's id of the run that holds the folds together.
        metrics: Each metric over the pooled clips, the mean of the seeds.
        intervals: The lower and upper bound of each metric, with signers resampled.
    """

    run_id: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def cross_validate(config: DictConfig) -> TrainingResult:
    """Trains one fold with one seed; the folds are trials of a sweep.

    Args:
        config: A composed `conf/cross_validate.yaml`, with a fold.
    """
    return train(config)


def run_cross_validation(overrides: Sequence[str]) -> CrossValidationResult:
    """Runs `gislr cross_validate` and reads its results.

    Args:
        overrides: As on the command line.

    Raises:
        GislrError: The command failed, or folds are missing.
    """
    where = [override for override in overrides if override.startswith("tracking.")]
    tracking = read_command(CommandSettings, compose("cross_validate", *where)).tracking
    run_id = run_tracked([sys.executable, "-m", "gislr.cross_validate", *overrides])
    run = find_run(tracking, run_id)
    names = [name.removesuffix("_low") for name in run.metrics if name.endswith("_low")]
    if not names:
        raise GislrError(
            "Every fold must be trained before the folds are put together; some are missing. "
            "The same call resumes."
        )
    return CrossValidationResult(
        run.run_id,
        {name.removeprefix("cv_"): run.metrics[name] for name in names},
        {
            name.removeprefix("cv_"): (run.metrics[f"{name}_low"], run.metrics[f"{name}_high"])
            for name in names
        },
    )
