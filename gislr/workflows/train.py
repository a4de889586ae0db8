"""Trains one model; in a sweep, one for each fold and seed of a trial."""

from __future__ import annotations

from collections.abc import Mapping

from omegaconf import DictConfig

from gislr.workflows.report import ReportedSweep
from gislr.workflows.train_one import TrainingResult, train_one
from gislr.workflows.trial import train_trial
from hydra_plugins.optuna_sweeper import current_trial

SWEEP_CALLBACK = ReportedSweep
"""Tracks a sweep of trainings."""


def train(config: DictConfig, tags: Mapping[str, str] | None = None) -> TrainingResult:
    """Trains, evaluates and tracks one model, or the folds of a sweep's trial.

    Args:
        config: A composed `conf/train.yaml`, see `gislr.config.composition.compose`.
        tags: More tags for the run.

    Raises:
        GislrError: The configuration or the data cannot be used, or the training diverges.
    """
    trial = current_trial()
    return train_one(config, tags) if trial is None else train_trial(config, trial)
