"""Trains on folds of signers with several seeds, and says how sure the result is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gislr.sweeping.fold_tracker import CrossValidationTracker
from gislr.workflows.train import TrainingResult, train

if TYPE_CHECKING:
    from omegaconf import DictConfig

SWEEP_CALLBACK = CrossValidationTracker
"""Puts the folds together when all of them are trained."""


def cross_validate(config: DictConfig) -> TrainingResult:
    """Trains one fold with one seed; the folds are trials of a sweep.

    Args:
        config: A composed `conf/cross_validate.yaml`, with a fold.
    """
    return train(config)
