"""Confidence intervals and p-values of scores: a bootstrap over signers.

Clips of one signer are alike, so resampling clips makes every interval far too narrow. That is done
only where signers are unknown, and said wherever such an interval is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.clip_predictions import FEW_SIGNERS, ClipPredictions
from gislr.utils.errors import DataError

Float64 = NDArray[np.float64]

SCORES = ("acc", "balanced_acc", "weighted_f1", "macro_f1")
"""The scores that have intervals: those that confusion counts determine."""

DRAWS = 2000
"""Number of resamplings of the signers."""

_DRAWS_AT_ONCE = 50
_COVERED = 0.95

# A comparison asks for those of the first model with every other one.
_DRAWN: WeakKeyDictionary[ClipPredictions, dict[str, Float64]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Interval:
    """A score of all clips, mean over seeds, and the ends of its 95% interval over signers."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.ends})"

    @property
    def ends(self) -> str:
        """Its two ends as text."""
        return f"{self.low:.4f} to {self.high:.4f}"


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another on the same clips.

    Attributes:
        interval: The difference and its interval.
        p_value: Two-sided bootstrap p-value: twice the fraction of draws beyond zero.
        signers: Number of signers; `None` where they are unknown.
    """

    interval: Interval
    p_value: float
    signers: int | None

    @property
    def verdict(self) -> str:
        """Whether the difference is significant: whether its 95% interval excludes zero."""
        if self.signers is None:
            return "signers are unknown: no verdict"
        if self.signers < FEW_SIGNERS:
            return f"{self.signers} signers are too few for a verdict"
        significant = not self.interval.low <= 0 <= self.interval.high
        return "significant" if significant else "not significant"


def scores_of_counts(right: Float64, support: Float64, predicted: Float64) -> dict[str, Float64]:
    """Computes scores from counts by sign, as scikit-learn defines them.

    Args:
        right: [..., signs], clips that are recognized.
        support: [..., signs], clips of the sign; averages are over signs that have some.
        predicted: [..., signs], clips for which the sign is predicted.

    Returns:
        An array [...] for each of `SCORES`.
    """
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
    """Returns each score with its interval over signers, or over clips whose signers are unknown.

    Args:
        seeds: Predictions of the same clips by one or several seeds; scores are means over them.

    Raises:
        DataError: The clips differ.
    """
    _require_same_clips(seeds)
    drawn = _drawn_scores(seeds)
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
    _require_same_clips([*first, *second])
    one, other = (_drawn_scores(seeds) for seeds in (first, second))
    signers = len(first[0].signer_names) if first[0].signers_known else None
    found = {}
    for name in SCORES:
        values = other[name] - one[name]
        beyond = min((values[1:] <= 0).mean(), (values[1:] >= 0).mean())
        found[name] = Difference(_interval(values), min(1.0, 2 * float(beyond)), signers)
    return found


def _require_same_clips(predictions: Sequence[ClipPredictions]) -> None:
    first = predictions[0]
    for other in predictions[1:]:
        if sorted(first.clips.tolist()) != sorted(other.clips.tolist()):
            raise DataError(
                "Models can be compared on the same clips only; they were evaluated on "
                f"{len(first):,} and {len(other):,} clips that are not the same."
            )


def _drawn_scores(seeds: Sequence[ClipPredictions]) -> dict[str, Float64]:
    """Returns scores, means over seeds, float64 [1 + DRAWS]: of all clips, then of each draw."""
    for seed in seeds:
        if seed not in _DRAWN:
            _DRAWN[seed] = _scores_of_draws(seed)
    by_seed = [_DRAWN[seed] for seed in seeds]
    return {name: np.mean([scores[name] for scores in by_seed], axis=0) for name in SCORES}


def _scores_of_draws(predictions: ClipPredictions) -> dict[str, Float64]:
    from scipy.sparse import csr_array

    names, unit = np.unique(predictions.resampled, return_inverse=True)
    count, signs = len(names), len(predictions.signs)
    labels, predicted = predictions.labels, predictions.predicted
    right = labels == predicted

    def by_unit(signs_of_clips: NDArray[Any], chosen: NDArray[np.bool_]) -> Any:
        places = (unit[chosen], signs_of_clips[chosen])
        return csr_array((np.ones(chosen.sum()), places), shape=(count, signs))

    everything = np.ones(len(predictions), bool)
    counts = [by_unit(labels, right), by_unit(labels, everything), by_unit(predicted, everything)]
    rng = np.random.default_rng(0)
    parts = [scores_of_counts(*(each.sum(axis=0)[None] for each in counts))]
    for _ in range(DRAWS // _DRAWS_AT_ONCE):
        draws = rng.multinomial(count, np.full(count, 1 / count), size=_DRAWS_AT_ONCE)
        parts.append(scores_of_counts(*(draws @ each for each in counts)))
    return {name: np.concatenate([part[name] for part in parts]) for name in SCORES}


def _interval(values: Float64) -> Interval:
    tail = (1 - _COVERED) / 2
    low, high = np.quantile(values[1:], [tail, 1 - tail])
    return Interval(float(values[0]), float(low), float(high))
