"""Trains on a few clips of each sign, then on more, and draws how the scores grow."""

from __future__ import annotations

from omegaconf import DictConfig

from gislr.sweeping.learning_curve_tracker import LearningCurveTracker
from gislr.workflows.train import train
from gislr.workflows.train_one import TrainingResult

SWEEP_CALLBACK = LearningCurveTracker
"""Draws the curve when all of them are trained."""


def learning_curve(config: DictConfig) -> TrainingResult:
    """Trains on one number of clips with one seed; the trainings are trials of a sweep.

    Args:
        config: A composed `conf/learning_curve.yaml`, with a number of clips.
    """
    return train(config)
