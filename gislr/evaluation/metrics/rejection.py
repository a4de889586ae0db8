"""Whether a model knows when it does not know: predictions of low probability are rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.clip_predictions import ClipPredictions

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

RIGHT_KEPT = 0.95
"""The share of right predictions that the threshold keeps."""


def rejection_threshold(predictions: ClipPredictions) -> float:
    """Returns the probability below which a prediction should be called "not sure".

    It is the lowest of those that 95% of the right predictions reach; 0 if none is right.
    """
    confidence, right = _judged(predictions)
    if not right.any():
        return 0.0
    return float(np.quantile(confidence[right], 1 - RIGHT_KEPT, method="lower"))


@dataclass(frozen=True)
class Rejection:
    """What a threshold keeps and rejects, see `judge_rejection`.

    Attributes:
        threshold: Predictions of a lower probability are rejected.
        kept: Share of the clips that it keeps.
        right_kept: Share of the right predictions that it keeps.
        wrong_kept: Share of the wrong ones.
        error: Share of wrong predictions among those that it keeps.
        unknown_kept: Share that it keeps of the clips of signs that the model does not know;
            `None` without such clips.
        auroc: The probability that a clip of a known sign has a higher probability than one of an
            unknown sign; 0.5 is chance. `None` without the latter.
        curves: Coverage and risk of the known signs and, if there are any, with the unknown ones,
            see `risk_coverage`.
    """

    threshold: float
    kept: float
    right_kept: float
    wrong_kept: float
    error: float
    unknown_kept: float | None = None
    auroc: float | None = None
    curves: Mapping[str, tuple[Float64, Float64]] = field(default_factory=dict)

    def __str__(self) -> str:
        line = (
            f"not sure below a probability of {self.threshold:.3f}: keeps "
            f"{percent(self.right_kept)} of the right and {percent(self.wrong_kept)} of the "
            f"wrong predictions; of those kept, {percent(self.error)} are wrong"
        )
        if self.auroc is None:
            return line
        return (
            f"{line}. Of clips of unknown signs it keeps {self.unknown_kept:.1%}; AUROC of known "
            f"against unknown signs {self.auroc:.3f}"
        )


def judge_rejection(
    predictions: ClipPredictions, threshold: float, unknown: Float32 | None = None
) -> Rejection:
    """Returns what a threshold keeps and rejects.

    Args:
        predictions: Of clips of known signs.
        threshold: See `rejection_threshold`.
        unknown: float32 [clips, signs], probabilities of clips of signs that the model does not
            know.
    """
    confidence, right = _judged(predictions)
    kept = confidence >= threshold
    found = Rejection(
        threshold=threshold,
        kept=float(kept.mean()),
        right_kept=_share(kept[right]),
        wrong_kept=_share(kept[~right]),
        error=_share(~right[kept]),
        curves={"known signs": risk_coverage(predictions)},
    )
    if unknown is None or not len(unknown):
        return found
    from sklearn.metrics import roc_auc_score

    of_unknown = unknown.max(axis=1)
    known = np.repeat([True, False], [len(confidence), len(of_unknown)])
    auroc = float(roc_auc_score(known, np.concatenate([confidence, of_unknown])))
    return replace(
        found,
        unknown_kept=_share(of_unknown >= threshold),
        auroc=auroc,
        curves={**found.curves, "with unknown signs": risk_coverage(predictions, unknown)},
    )


def risk_coverage(
    predictions: ClipPredictions, unknown: Float32 | None = None
) -> tuple[Float64, Float64]:
    """Returns how wrong the most confident predictions are, for every number of them.

    Args:
        predictions: Of clips of known signs.
        unknown: float32 [clips, signs], probabilities of clips of unknown signs; whatever is said
            of them is wrong.

    Returns:
        float64 [clips] each: the coverage, the share of clips of highest probability, and the
        risk, the share of wrong predictions among them (Geifman and El-Yaniv 2017). Clips of equal
        probability share a risk.
    """
    confidence, right = _judged(predictions)
    if unknown is not None:
        confidence = np.concatenate([confidence, unknown.max(axis=1)])
        right = np.concatenate([right, np.zeros(len(unknown), bool)])
    order = np.argsort(-confidence, kind="stable")
    ordered, count = confidence[order], np.arange(1, len(order) + 1)
    last = np.searchsorted(-ordered, -ordered, side="right")
    risk = (np.cumsum(~right[order]) / count)[last - 1]
    return last / len(order), risk


def _judged(predictions: ClipPredictions) -> tuple[Float32, NDArray[np.bool_]]:
    return predictions.probabilities.max(axis=1), predictions.predicted == predictions.labels


def percent(share: float) -> str:
    """Returns a share in percent; "none" for the NaN that is a share of nothing."""
    return "none" if np.isnan(share) else f"{share:.1%}"


def _share(chosen: NDArray[np.bool_]) -> float:
    return float(chosen.mean()) if len(chosen) else float("nan")
