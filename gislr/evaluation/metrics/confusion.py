"""Which signs are confused with which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.clip_predictions import ClipPredictions

if TYPE_CHECKING:
    import pandas as pd


def confusion_matrix(predictions: ClipPredictions) -> pd.DataFrame:
    """Returns counts of clips: a row per true sign, a column per predicted sign."""
    import pandas as pd
    from sklearn import metrics

    signs = predictions.signs
    counts = metrics.confusion_matrix(
        predictions.labels, predictions.predicted, labels=np.arange(len(signs))
    )
    return pd.DataFrame(
        counts,
        index=pd.Index(signs, name="true_sign"),
        columns=pd.Index(signs, name="predicted_sign"),
    )


def most_confused(matrix: pd.DataFrame, pairs: int = 50) -> pd.DataFrame:
    """Returns the pairs of signs that are confused most often.

    Args:
        matrix: A confusion matrix.
        pairs: Maximum number of rows.

    Returns:
        A row per pair, most clips first and, among equals, of the largest fraction: `true_sign`,
        `predicted_sign`, `clips` and `fraction_of_true_sign` (of the true sign's clips). Pairs that
        were never confused are left out.
    """
    import pandas as pd

    counts = matrix.to_numpy()
    rows, columns = np.nonzero(counts - np.diag(np.diag(counts)))
    table = pd.DataFrame(
        {
            "true_sign": matrix.index[rows],
            "predicted_sign": matrix.columns[columns],
            "clips": counts[rows, columns],
            "fraction_of_true_sign": counts[rows, columns] / counts.sum(axis=1)[rows],
        }
    )
    order = ["clips", "fraction_of_true_sign"]
    return table.sort_values(order, ascending=False, ignore_index=True).head(pairs)


def sort_by_confusion(matrix: pd.DataFrame) -> pd.DataFrame:
    """Returns a confusion matrix with confused signs next to each other.

    Signs that are neither among the labels nor among the predictions are left out. Average-linkage
    clustering orders the others; two signs are the closer, the larger the fractions of their clips
    that are confused with each other.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    counts = matrix.to_numpy()
    occurring = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    matrix = matrix.iloc[occurring, occurring]
    if len(matrix) < 3:
        return matrix
    fractions = row_fractions(matrix.to_numpy())
    distance = 1 - (fractions + fractions.T) / 2
    np.fill_diagonal(distance, 0)
    # The best order of the branches takes cubic time.
    few = len(matrix) <= 500
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=few)
    order = leaves_list(tree)
    return matrix.iloc[order, order]


def most_confused_block(matrix: pd.DataFrame, size: int) -> pd.DataFrame:
    """Returns the block of adjacent signs with the most confusions among them.

    Args:
        matrix: A confusion matrix in the order of `sort_by_confusion`.
        size: Number of signs at most.
    """
    counts = matrix.to_numpy().copy()
    np.fill_diagonal(counts, 0)
    size = min(size, len(counts))
    starts = range(len(counts) - size + 1)
    sums = [counts[start : start + size, start : start + size].sum() for start in starts]
    start = int(np.argmax(sums))
    return matrix.iloc[start : start + size, start : start + size]


def row_fractions(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns each row divided by its sum, float64; rows of zeros stay zero."""
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
