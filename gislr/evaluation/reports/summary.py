"""What a training came to, in a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gislr.evaluation.metrics.scores import Float32, Labels, commonest_sign_scores
from gislr.evaluation.reports import tables as reports

_SIGNS_SHOWN = 5
_PAIRS_SHOWN = 5
_ROWS = {
    "accuracy": "acc",
    "top-5 accuracy": "top_5_acc",
    "weighted F1": "weighted_f1",
    "macro F1": "macro_f1",
}


def text(
    scores: Mapping[str, float],
    *,
    labels: Labels,
    train_labels: Labels,
    probabilities: Float32,
    signs: Sequence[str],
    held_out: bool,
) -> str:
    """Returns the scores beside those of always naming the commonest sign, and where it errs.

    Args:
        scores: What `score` returned.
        labels: int32 [clips].
        train_labels: int32, the labels of the clips trained on.
        probabilities: float32 [clips, signs].
        signs: The glosses.
        held_out: Whether the clips are of signers who were not trained on.
    """
    baseline = commonest_sign_scores(train_labels, labels, len(signs))
    table = reports.per_sign(labels, probabilities, signs)
    table = table[table["support"] > 0]
    pairs = reports.most_confused(
        reports.confusion_matrix(labels, probabilities, signs), _PAIRS_SHOWN
    )
    whose = "signers held out" if held_out else "the clips trained on (nothing was held out)"
    lines = [
        f"\n{len(labels):,} clips of {whose}; in brackets: always the commonest sign",
        *(
            f"  {title:<15} {scores[name]:.4f}  ({baseline[name]:.4f})"
            for title, name in _ROWS.items()
        ),
        f"  {'best signs':<15} {_named(table[::-1])}",
        f"  {'worst signs':<15} {_named(table)}",
    ]
    confused = [f"{row.true} taken for {row.predicted} ({row.clips})" for row in pairs.itertuples()]
    lines.append(f"  {'most confused':<15} {', '.join(confused) or 'none'}")
    return "\n".join(lines)


def _named(table: object) -> str:
    head = table.head(_SIGNS_SHOWN)  # type: ignore[attr-defined]
    return ", ".join(f"{row.sign} {np.float64(row.f1):.2f}" for row in head.itertuples())
