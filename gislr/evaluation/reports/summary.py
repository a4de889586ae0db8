"""Results in a few lines for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.confusion import confusion_matrix, most_confused
from gislr.evaluation.metrics.folds import CrossValidation
from gislr.evaluation.metrics.tables import per_sign

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 5
SCORE_TITLES = {
    "accuracy": "acc",
    "top-5 accuracy": "top_5_acc",
    "weighted F1": "weighted_f1",
    "macro F1": "macro_f1",
}
"""The scores that people are shown, by what they are called."""


def training_summary(
    predictions: ClipPredictions, train_labels: NDArray[np.int32], whose: str
) -> str:
    """Returns the scores next to those of the baseline, and the best and worst signs.

    Args:
        predictions: Those of the evaluation clips.
        train_labels: int32, the labels of the training clips.
        whose: Whose clips they are, such as "3 held-out signers".
    """
    scores, baseline = predictions.score(), predictions.baseline(train_labels)
    table = per_sign(predictions)
    table = table[table["support"] > 0]
    pairs = most_confused(confusion_matrix(predictions), _SHOWN)
    confused = [
        f"{row.true_sign} with {row.predicted_sign} ({row.clips})" for row in pairs.itertuples()
    ]
    lines = [
        f"\n{len(predictions):,} clips of {whose}; in parentheses: always predicting the most "
        "frequent sign",
        *(
            f"  {title:<15} {scores[name]:.4f}  ({baseline[name]:.4f})"
            for title, name in SCORE_TITLES.items()
        ),
        f"  {'best signs':<15} {_f1(table[::-1])}",
        f"  {'worst signs':<15} {_f1(table)}",
        f"  {'most confused':<15} {', '.join(confused) or 'none'}",
    ]
    return "\n".join(lines)


def _f1(table: pd.DataFrame) -> str:
    return ", ".join(f"{row.sign} {row.f1:.2f}" for row in table.head(_SHOWN).itertuples())


def cross_validation_summary(result: CrossValidation, factors: pd.DataFrame) -> str:
    """Returns scores with intervals, the spread over folds and signers, and what goes with it.

    Args:
        result: The results of all folds.
        factors: As by `signer_factors.correlations`.
    """
    first = next(iter(result.pooled.values()))
    by_fold = result.by_fold.groupby("fold")["weighted_f1"].mean()
    accuracy, seeds = result.by_signer["accuracy"], len(result.pooled)
    lines = [
        f"\n{len(first):,} clips of {first.signer_count}, each held out once; "
        f"mean of {seeds} seed{'s' * (seeds > 1)}, 95% interval {first.intervals_over}",
        *(f"  {name:<13} {interval}" for name, interval in result.intervals.items()),
        "  by fold: weighted F1 " + ", ".join(f"{k}: {f1:.4f}" for k, f1 in by_fold.items()),
    ]
    if first.signers_known:
        lines.append(
            f"  by signer: accuracy {accuracy.min():.2f} to {accuracy.max():.2f}, "
            f"median {accuracy.median():.2f}"
        )
    lines += [
        f"  a signer's accuracy goes with {row.factor}: rank correlation {row.correlation:+.2f} "
        f"({row.low:+.2f} to {row.high:+.2f})"
        for row in factors.itertuples()
        if row.low > 0 or row.high < 0
    ]
    return "\n".join(lines)
