"""How far a model's probabilities can be trusted: calibration and top-k accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.classification import rank_of_true_sign
from gislr.evaluation.metrics.clip_predictions import ClipPredictions

Float64 = NDArray[np.float64]

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """How often predictions of each confidence are right.

    Attributes:
        confidence: float64 [bins], mean probability of the predicted sign.
        accuracy: float64 [bins].
        clips: int64 [bins].
        error: The expected calibration error: the mean of |accuracy - confidence| over clips
            (Guo et al. 2017); 15 bins of equal width, those without clips are left out.
    """

    confidence: Float64
    accuracy: Float64
    clips: NDArray[np.int64]
    error: float


def calibration(predictions: ClipPredictions) -> Calibration:
    """Compares the probability of the predicted sign with how often it is right."""
    confidence = predictions.probabilities.max(axis=1).astype(np.float64)
    right = predictions.predicted == predictions.labels
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    clips = np.bincount(place, minlength=BINS)
    some = clips > 0
    mean = np.bincount(place, confidence, BINS)[some] / clips[some]
    accuracy = np.bincount(place, right, BINS)[some] / clips[some]
    error = float((np.abs(accuracy - mean) * clips[some]).sum() / len(predictions))
    return Calibration(mean, accuracy, clips[some], error)


def top_k_accuracies(predictions: ClipPredictions, most: int = 20) -> Float64:
    """Returns the top-1, top-2, ... accuracies, float64 [most or the number of signs]."""
    ranks = rank_of_true_sign(predictions.labels, predictions.probabilities)
    return np.array([(ranks < k).mean() for k in range(1, min(most, len(predictions.signs)) + 1)])
