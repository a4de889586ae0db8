"""The built-in metrics: accuracies, and averages of precision, recall and F1."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.scores import Float32, Labels, metric

_TOP_K = {"acc": 1, "top_5_acc": 5, "top_10_acc": 10}
_AVERAGES = {
    "balanced_acc": ("macro", 1),
    "macro_precision": ("macro", 0),
    "macro_recall": ("macro", 1),
    "macro_f1": ("macro", 2),
    "weighted_precision": ("weighted", 0),
    "weighted_recall": ("weighted", 1),
    "weighted_f1": ("weighted", 2),
}
"""How scikit-learn averages over signs, and the index of precision, recall or F1."""


def top_k_accuracy(labels: Labels, probabilities: Float32, k: int) -> float:
    """Returns the fraction of clips whose sign is among the `k` most likely."""
    return float(np.mean(rank_of_true_sign(labels, probabilities) < k))


def average_over_signs(labels: Labels, probabilities: Float32, average: str, index: int) -> float:
    """Returns an average of precision (index 0), recall (1) or F1 (2).

    Macro averages weight every sign that occurs in the labels equally. Signs that occur only among
    the predictions are not part of any average. A sign that is never predicted has a precision and
    an F1 of 0.
    """
    from sklearn.metrics import precision_recall_fscore_support

    scores = precision_recall_fscore_support(
        labels,
        probabilities.argmax(axis=1),
        labels=np.unique(labels),
        average=average,
        zero_division=0,
    )
    return float(scores[index])


def rank_of_true_sign(labels: Labels, probabilities: Float32) -> NDArray[np.int64]:
    """Returns how many signs rank above the true one, int64 [clips]; 0 where it is predicted.

    Among equal probabilities the sign of lower index ranks first, so a model that gives every sign
    the same probability does not count as right (scikit-learn's `top_k_accuracy_score` differs).
    """
    column = labels[:, None]
    of_true = np.take_along_axis(probabilities, column, axis=1)
    above = probabilities > of_true
    above |= (probabilities == of_true) & (np.arange(probabilities.shape[1]) < column)
    return np.asarray(above.sum(axis=1), np.int64)


for _name, _k in _TOP_K.items():
    metric(_name)(partial(top_k_accuracy, k=_k))
for _name, (_average, _index) in _AVERAGES.items():
    metric(_name)(partial(average_over_signs, average=_average, index=_index))
