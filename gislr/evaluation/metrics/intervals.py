"""Confidence intervals and p-values of scores: a bootstrap over signers.

Clips of one signer are alike, so resampling clips would make every interval far too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.utils.errors import DataError

Float64 = NDArray[np.float64]

SCORES = ("acc", "balanced_acc", "weighted_f1", "macro_f1")
"""The scores that have intervals: those that confusion counts determine."""

DRAWS = 2000
"""Number of resamplings of the signers."""

FEW_SIGNERS = 8
"""With fewer signers than this, the bootstrap makes intervals far too narrow."""

_DRAWS_AT_ONCE = 50
_COVERED = 0.95


@dataclass(frozen=True)
class Interval:
    """A score of all clips, mean over seeds, and the ends of its 95% interval over signers."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another on the same clips.

    Attributes:
        interval: The difference and its interval.
        p_value: Two-sided bootstrap p-value: twice the fraction of draws beyond zero.
        signers: Number of signers.
    """

    interval: Interval
    p_value: float
    signers: int

    @property
    def verdict(self) -> str:
        """Whether the difference is significant: whether its 95% interval excludes zero."""
        if self.signers < FEW_SIGNERS:
            return f"{self.signers} signers are too few for a verdict"
        significant = not self.interval.low <= 0 <= self.interval.high
        return "significant" if significant else "not significant"


def scores_of_counts(counts: Float64) -> dict[str, Float64]:
    """Computes scores from confusion counts, as scikit-learn defines them.

    Args:
        counts: [..., true sign, predicted sign]; averages are over signs that have clips.

    Returns:
        An array [...] for each of `SCORES`.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    support = counts.sum(axis=-1)
    predicted = counts.sum(axis=-2)
    total = np.maximum(support.sum(axis=-1), 1)
    recall = right / np.maximum(support, 1)
    f1 = 2 * right / np.maximum(support + predicted, 1)
    present = support > 0
    signs = np.maximum(present.sum(axis=-1), 1)
    return {
        "acc": right.sum(axis=-1) / total,
        "balanced_acc": (recall * present).sum(axis=-1) / signs,
        "weighted_f1": (f1 * support).sum(axis=-1) / total,
        "macro_f1": (f1 * present).sum(axis=-1) / signs,
    }


def score_intervals(seeds: Sequence[ClipPredictions]) -> dict[str, Interval]:
    """Returns each score with its interval over signers.

    Args:
        seeds: Predictions of the same clips by one or several seeds; scores are means over them.

    Raises:
        DataError: The clips differ.
    """
    drawn = _drawn_scores(seeds, _common_signers(seeds))
    return {name: _interval(values) for name, values in drawn.items()}


def paired_differences(
    first: Sequence[ClipPredictions], second: Sequence[ClipPredictions]
) -> dict[str, Difference]:
    """Returns how much better the second model is than the first, on the same signers.

    Both are scored on the same draws of signers, so differences between signers cancel out.

    Args:
        first: Predictions by one or several seeds.
        second: Predictions of the same clips by another model.

    Raises:
        DataError: The clips differ.
    """
    signers = _common_signers([*first, *second])
    one, other = (_drawn_scores(seeds, signers) for seeds in (first, second))
    found = {}
    for name in SCORES:
        values = other[name] - one[name]
        beyond = min((values[1:] <= 0).mean(), (values[1:] >= 0).mean())
        found[name] = Difference(_interval(values), min(1.0, 2 * float(beyond)), len(signers))
    return found


def _common_signers(predictions: Sequence[ClipPredictions]) -> list[str]:
    first = predictions[0]
    for other in predictions[1:]:
        if sorted(first.clips.tolist()) != sorted(other.clips.tolist()):
            raise DataError(
                "Models can be compared on the same clips only; they were evaluated on "
                f"{len(first):,} and {len(other):,} clips that are not the same."
            )
    return first.signer_names


def _drawn_scores(seeds: Sequence[ClipPredictions], signers: list[str]) -> dict[str, Float64]:
    """Returns scores, means over seeds, float64 [1 + DRAWS]: of all signers, then of each draw."""
    signs = len(seeds[0].signs)
    counts = np.zeros((len(seeds), len(signers), signs, signs))
    for of_seed, seed in zip(counts, seeds, strict=True):
        np.add.at(of_seed, (np.searchsorted(signers, seed.signers), seed.labels, seed.predicted), 1)
    probabilities = np.full(len(signers), 1 / len(signers))
    drawn = np.random.default_rng(0).multinomial(len(signers), probabilities, size=DRAWS)
    weights = np.concatenate([np.ones((1, len(signers))), drawn])
    parts = [
        scores_of_counts(np.tensordot(some, counts, axes=(1, 1)))
        for some in np.array_split(weights, -(-len(weights) // _DRAWS_AT_ONCE))
    ]
    return {name: np.concatenate([part[name].mean(axis=1) for part in parts]) for name in SCORES}


def _interval(values: Float64) -> Interval:
    tail = (1 - _COVERED) / 2
    low, high = np.quantile(values[1:], [tail, 1 - tail])
    return Interval(float(values[0]), float(low), float(high))
