"""The scores of a model's predictions: their names, and how each is computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gislr.utils.errors import GislrError, SettingError

Labels = NDArray[np.int32]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

METRICS = (
    "loss",
    "acc",
    "balanced_acc",
    "top_5_acc",
    "top_10_acc",
    "weighted_precision",
    "weighted_recall",
    "weighted_f1",
    "macro_precision",
    "macro_recall",
    "macro_f1",
)
"""The keys of `score`, in its order."""

LOWER_IS_BETTER = frozenset({"loss"})
"""Metrics that get better as they fall; all the others get better as they rise."""

_LEAST_PROBABILITY = 1e-7
# bfloat16 rounds each probability by up to 0.2%, so rows add up to 1 only roughly.
_SUM_TOLERANCE = 0.02


def score(labels: Labels, probabilities: Float32, label_smoothing: float = 0.0) -> dict[str, float]:
    """Scores predictions.

    The predicted sign is the one of highest probability, the first of them where several are equal.
    Macro averages and `balanced_acc` (which is the macro recall) weigh every sign that occurs in
    the labels alike; signs that occur only among the predictions lower the recall of the sign they
    were taken for, but are no term of the average. Where a sign is never predicted its precision
    and F1 are 0.

    Args:
        labels: int32 [clips], the true signs.
        probabilities: float32 [clips, signs], each row adding up to 1.
        label_smoothing: Share of each label that the loss spreads evenly over all signs, as in
            `keras.losses.CategoricalCrossentropy`.

    Returns:
        A value for each of `METRICS`. `top_5_acc` and `top_10_acc` look at every sign where there
        are fewer than 5 or 10.

    Raises:
        GislrError: An array is empty, of another shape, or holds values that cannot be.
        SettingError: The label smoothing is not from 0 to below 1.
    """
    from sklearn.metrics import precision_recall_fscore_support

    check_predictions(labels, probabilities)
    ranks = rank_of_true(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    scores = {
        "loss": cross_entropy(labels, probabilities, label_smoothing),
        "acc": float(np.mean(ranks == 0)),
        "top_5_acc": float(np.mean(ranks < 5)),
        "top_10_acc": float(np.mean(ranks < 10)),
    }
    for average in ("weighted", "macro"):
        precision, recall, f1, _ = precision_recall_fscore_support(
            labels, predicted, labels=np.unique(labels), average=average, zero_division=0
        )
        scores[f"{average}_precision"] = float(precision)
        scores[f"{average}_recall"] = float(recall)
        scores[f"{average}_f1"] = float(f1)
    scores["balanced_acc"] = scores["macro_recall"]
    return {name: scores[name] for name in METRICS}


def commonest_sign_scores(
    train_labels: Labels, labels: Labels, signs_count: int
) -> dict[str, float]:
    """Scores the baseline that always predicts the commonest sign of the training clips.

    Every clip gets each sign's share of the training clips as its probabilities, so the loss and
    the top-5 and top-10 accuracies are those of knowing the shares and nothing else.

    Args:
        train_labels: int32 [training clips].
        labels: int32 [clips], the true signs of the clips scored.
        signs_count: Number of signs.

    Returns:
        What `score` returns.

    Raises:
        GislrError: Labels are missing or out of range.
    """
    _check_labels(train_labels, signs_count)
    shares = np.bincount(train_labels, minlength=signs_count) / len(train_labels)
    return score(
        labels, np.broadcast_to(shares.astype(np.float32), (len(labels), signs_count)).copy()
    )


def rank_of_true(labels: Labels, probabilities: Float32) -> Int64:
    """Returns how many signs come before the true one, int64 [clips]; 0 where it is predicted.

    Signs of higher probability come before it, and among equals those of lower index, so that a
    model that gives every sign the same probability is not taken for one that is right.
    """
    column = labels[:, None]
    of_true = np.take_along_axis(probabilities, column, axis=1)
    before = probabilities > of_true
    before |= (probabilities == of_true) & (np.arange(probabilities.shape[1]) < column)
    return np.asarray(before.sum(axis=1), np.int64)


def cross_entropy(labels: Labels, probabilities: Float32, label_smoothing: float) -> float:
    """Returns the mean categorical cross-entropy in nats, computed in float64.

    Probabilities are made to add up to 1 and clipped to 1e-7 and 1 - 1e-7, as Keras does.

    Raises:
        SettingError: The label smoothing is not from 0 to below 1.
    """
    if not 0 <= label_smoothing < 1:
        raise SettingError(
            f"The label smoothing must be at least 0 and below 1; got {label_smoothing}."
        )
    logs = probabilities.astype(np.float64)
    logs /= logs.sum(axis=1, keepdims=True)
    np.clip(logs, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY, out=logs)
    np.log(logs, out=logs)
    of_true = np.take_along_axis(logs, labels[:, None], axis=1).mean()
    return float(-(1 - label_smoothing) * of_true - label_smoothing * logs.mean())


def check_predictions(labels: Labels, probabilities: Float32) -> None:
    """Raises a GislrError unless the arrays are labels and probabilities of the same clips."""
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise GislrError(
            "Labels must have the shape [clips] and probabilities [clips, signs]; "
            f"got {list(labels.shape)} and {list(probabilities.shape)}."
        )
    _check_labels(labels, probabilities.shape[1])
    if not np.isfinite(probabilities).all():
        count = np.count_nonzero(~np.isfinite(probabilities).all(axis=1))
        raise GislrError(
            f"Probabilities must be finite; {count} of {len(labels)} clips have NaN or infinity, "
            "which a training that diverged brings about: lower its learning rate."
        )
    sums = probabilities.sum(axis=1, dtype=np.float64)
    if probabilities.min() < 0 or np.abs(sums - 1).max() > _SUM_TOLERANCE:
        raise GislrError(
            "Each clip's probabilities must be at least 0 and add up to 1; "
            f"got values from {probabilities.min():.3g} and sums of {sums.min():.3g} to "
            f"{sums.max():.3g}: apply a softmax to logits first."
        )


def _check_labels(labels: Labels, signs_count: int) -> None:
    if not len(labels):
        raise GislrError("At least one clip is needed to compute scores; got none.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise GislrError(f"Labels must be whole numbers; got {labels.dtype}.")
    if labels.min() < 0 or labels.max() >= signs_count:
        raise GislrError(
            f"Labels must be 0 to {signs_count - 1}, the indices of {signs_count} signs; "
            f"got {labels.min()} to {labels.max()}."
        )
