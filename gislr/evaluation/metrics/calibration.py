"""How far a model's probabilities can be trusted: calibration and top-k accuracy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.classification import rank_of_true_sign
from gislr.evaluation.metrics.clip_predictions import ClipPredictions, pooled

Float64 = NDArray[np.float64]

BINS = 15

_LEAST, _MOST_SCALED = 1e-12, 10.0


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


def fit_temperature(predictions: ClipPredictions) -> float:
    """Returns the temperature by which logits are divided so that probabilities can be trusted.

    It minimizes the log loss of the predictions (Guo et al. 2017). Above 1 it makes a model less
    confident; it changes no prediction. 0.1 to 10.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = _logits(predictions.probabilities)
    of_true = logits[np.arange(len(predictions)), predictions.labels]

    def loss(logarithm: float) -> float:
        factor = np.exp(-logarithm)
        return float((logsumexp(factor * logits, axis=1) - factor * of_true).mean())

    bounds = (-np.log(_MOST_SCALED), np.log(_MOST_SCALED))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def at_temperature(predictions: ClipPredictions, temperature: float) -> ClipPredictions:
    """Returns predictions with their logits divided by a temperature."""
    scaled = scale_probabilities(predictions.probabilities, temperature)
    return replace(predictions, probabilities=scaled)


def scale_probabilities(
    probabilities: NDArray[np.float32], temperature: float
) -> NDArray[np.float32]:
    """Returns probabilities, float32 [clips, signs], with their logits divided by a temperature."""
    from scipy.special import softmax

    return np.asarray(softmax(_logits(probabilities) / temperature, axis=1), np.float32)


def _logits(probabilities: NDArray[np.float32]) -> Float64:
    return np.log(np.maximum(probabilities.astype(np.float64), _LEAST))


def calibrated_by_others(predictions: ClipPredictions) -> ClipPredictions:
    """Returns each half of the signers with the temperature that the other half needs.

    So no signer is judged at a temperature that is fitted to them. Clips are halved where signers
    are unknown.
    """
    _, unit = np.unique(predictions.resampled, return_inverse=True)
    halves = [predictions.rows(unit % 2 == side) for side in range(2) if (unit % 2 == side).any()]
    if len(halves) < 2:
        return predictions
    scaled = [
        at_temperature(half, fit_temperature(other))
        for half, other in zip(halves, halves[::-1], strict=True)
    ]
    return pooled(scaled)


def top_k_accuracies(predictions: ClipPredictions, most: int = 20) -> Float64:
    """Returns the top-1, top-2, ... accuracies, float64 [most or the number of signs]."""
    ranks = rank_of_true_sign(predictions.labels, predictions.probabilities)
    return np.array([(ranks < k).mean() for k in range(1, min(most, len(predictions.signs)) + 1)])
