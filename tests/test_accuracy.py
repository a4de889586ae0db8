"""A floor of accuracy on signers held out, which no broken model passes.

Measured weighted F1 on the clips below: FIGURES.
"""

import numpy as np
import pytest

from gislr.config.configuration import default_configuration, open_data
from gislr.data.landmark_statistics import measure
from gislr.data.splits import split_clips
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.training.prediction import predict
from gislr.workflows.factory import build_training

FLOOR = 0.6
SETTINGS = [
    *("data.signs=8", "data.signers=8", "data.clips=320", "split.test_size=0.25"),
    *("model.units=64", "model.landmark_units=32", "model.num_heads=4", "model.num_blocks=1"),
    *("optimizer.learning_rate=3e-3", "training.epochs=10", "preparation.workers=1"),
]
