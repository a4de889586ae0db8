"""When a model can be believed: calibration, top-k, and what makes clips hard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.scores import rank_of_true, score

if TYPE_CHECKING:
    import pandas as pd

Float64 = NDArray[np.float64]

_BINS = 15
_GROUPS = 8


@dataclass(frozen=True)
class Calibration:
    """How often predictions of each confidence are right.

    Attributes:
        confidence: float64 [bins], mean probability of the predicted sign.
        accuracy: float64 [bins], share that is right.
        clips: int64 [bins].
        error: The expected calibration error: the mean of |accuracy - confidence| over clips
            (Guo et al. 2017), 15 bins of equal width; bins without clips are left out.
    """

    confidence: Float64
    accuracy: Float64
    clips: NDArray[np.int64]
    error: float


def calibration(predictions: ClipPredictions, bins: int = _BINS) -> Calibration:
    """Compares the probability of the predicted sign with how often it is right."""
    confidence = predictions.probabilities.max(axis=1).astype(np.float64)
    right = predictions.predicted == predictions.labels
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    clips = np.bincount(place, minlength=bins)
    some = clips > 0
    mean = np.bincount(place, confidence, bins)[some] / clips[some]
    accuracy = np.bincount(place, right, bins)[some] / clips[some]
    error = float((np.abs(accuracy - mean) * clips[some]).sum() / len(predictions))
    return Calibration(mean, accuracy, clips[some], error)


def top_k(predictions: ClipPredictions, most: int = 20) -> Float64:
    """Returns the share of clips whose sign is among the first 1, 2, ..., float64 [most]."""
    ranks = rank_of_true(predictions.labels, predictions.probabilities)
    last = min(most, len(predictions.signs))
    return np.array([(ranks < k).mean() for k in range(1, last + 1)])


def hand_shares(predictions: ClipPredictions, most_frames: int) -> NDArray[np.float64]:
    """Returns the share of each clip's frames in which a hand was found, float64 [clips].

    NaN where it is not known: the clip was shortened to the most frames a clip may have, or its
    raw frames were not counted.
    """
    known = (predictions.raw_frames > 0) & (predictions.frames < most_frames)
    shares = predictions.frames / np.maximum(predictions.raw_frames, 1)
    return np.where(known, np.minimum(shares, 1), np.nan)


def by_quantity(predictions: ClipPredictions, quantity: NDArray[np.float64]) -> pd.DataFrame:
    """Scores groups of clips that are alike in some quantity, of about equal size.

    Args:
        predictions: The clips.
        quantity: float64 [clips]; NaN leaves a clip out.

    Returns:
        A row a group: `low`, `high`, `clips`, `accuracy`, `weighted_f1`.
    """
    import pandas as pd

    known = np.isfinite(quantity)
    rows = []
    if known.any():
        edges = np.unique(np.quantile(quantity[known], np.linspace(0, 1, _GROUPS + 1)))
        groups = np.digitize(quantity, edges[1:-1], right=True)
        for group in range(max(1, len(edges) - 1)):
            chosen = known & (groups == group)
            if chosen.any():
                part = predictions.rows(chosen)
                scores = score(part.labels, part.probabilities)
                rows.append(
                    {
                        "low": float(quantity[chosen].min()),
                        "high": float(quantity[chosen].max()),
                        "clips": len(part),
                        "accuracy": scores["acc"],
                        "weighted_f1": scores["weighted_f1"],
                    }
                )
    return pd.DataFrame(rows, columns=["low", "high", "clips", "accuracy", "weighted_f1"])


def worst_block(
    counts: NDArray[np.int64], order: NDArray[np.int64], size: int
) -> NDArray[np.int64]:
    """Returns the labels, int64 [size at most], of neighbors that are confused the most.

    Args:
        counts: int64 [signs, signs], a row for each true sign.
        order: int64, labels so that those taken for each other stand together.
        size: How many signs.
    """
    sorted_counts = counts[np.ix_(order, order)].astype(np.int64)
    np.fill_diagonal(sorted_counts, 0)
    size = min(size, len(order))
    sums = [
        sorted_counts[start : start + size, start : start + size].sum()
        for start in range(len(order) - size + 1)
    ]
    start = int(np.argmax(sums))
    return order[start : start + size]
