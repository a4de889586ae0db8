"""The built-in metrics: accuracies, and averages of precision, recall and F1.

Macro averages, and `balanced_acc`, weight every sign that occurs in the labels equally. Signs that
occur only among the predictions are not part of any average. A sign that is never predicted has a
precision and an F1 of 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.scores import Float32, Labels, metric


@metric("acc")
def accuracy(labels: Labels, probabilities: Float32) -> float:
    """Returns the fraction of clips whose predicted sign is right."""
    return float(np.mean(rank_of_true_sign(labels, probabilities) == 0))


@metric("top_5_acc")
def top_5_accuracy(labels: Labels, probabilities: Float32) -> float:
    """Returns the fraction of clips whose sign is among the 5 most likely."""
    return float(np.mean(rank_of_true_sign(labels, probabilities) < 5))


@metric("top_10_acc")
def top_10_accuracy(labels: Labels, probabilities: Float32) -> float:
    """Returns the fraction of clips whose sign is among the 10 most likely."""
    return float(np.mean(rank_of_true_sign(labels, probabilities) < 10))


@metric("macro_precision")
def macro_precision(labels: Labels, probabilities: Float32) -> float:
    """Returns the mean precision of the signs."""
    return _average("macro", labels, probabilities)[0]


@metric("macro_recall")
@metric("balanced_acc")
def macro_recall(labels: Labels, probabilities: Float32) -> float:
    """Returns the mean recall of the signs, which is the balanced accuracy."""
    return _average("macro", labels, probabilities)[1]


@metric("macro_f1")
def macro_f1(labels: Labels, probabilities: Float32) -> float:
    """Returns the mean F1 of the signs."""
    return _average("macro", labels, probabilities)[2]


@metric("weighted_precision")
def weighted_precision(labels: Labels, probabilities: Float32) -> float:
    """Returns the mean precision, weighted by the signs' clips."""
    return _average("weighted", labels, probabilities)[0]


@metric("weighted_recall")
def weighted_recall(labels: Labels, probabilities: Float32) -> float:
    """Returns the mean recall, weighted by the signs' clips, which is the accuracy."""
    return _average("weighted", labels, probabilities)[1]


@metric("weighted_f1")
def weighted_f1(labels: Labels, probabilities: Float32) -> float:
    """Returns the mean F1, weighted by the signs' clips."""
    return _average("weighted", labels, probabilities)[2]


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


def _average(average: str, labels: Labels, probabilities: Float32) -> tuple[float, float, float]:
    """Returns averages of precision, recall and F1."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        labels,
        probabilities.argmax(axis=1),
        labels=np.unique(labels),
        average=average,
        zero_division=0,
    )
    return float(precision), float(recall), float(f1)
