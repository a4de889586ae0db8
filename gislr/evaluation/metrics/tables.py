"""Tables of scores by sign, by signer and by clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.classification import rank_of_true_sign
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.confusion import confusion_matrix
from gislr.evaluation.metrics.intervals import SCORES

if TYPE_CHECKING:
    import pandas as pd

_GROUPS = 8


def per_sign(predictions: ClipPredictions) -> pd.DataFrame:
    """Returns the scores of each sign.

    Returns:
        A row per sign, lowest F1 first: `sign`, `precision`, `recall`, `f1`, `support` (clips of
        the sign), `predicted` (clips predicted as it) and `most_confused_with` (the sign most often
        predicted in its place, empty if all clips are right). Signs without clips come last, with
        NaN for precision, recall and F1.
    """
    import pandas as pd
    from sklearn.metrics import precision_recall_fscore_support

    signs = np.array(predictions.signs, object)
    counts = confusion_matrix(predictions).to_numpy()
    mistakes = counts - np.diag(np.diag(counts))
    scores = precision_recall_fscore_support(
        predictions.labels,
        predictions.predicted,
        labels=np.arange(len(signs)),
        average=None,
        zero_division=0,
    )
    table = pd.DataFrame(
        {
            "sign": signs,
            **dict(zip(("precision", "recall", "f1", "support"), scores, strict=True)),
            "predicted": counts.sum(axis=0),
            "most_confused_with": np.where(
                mistakes.any(axis=1), signs[mistakes.argmax(axis=1)], ""
            ),
        }
    )
    table.loc[table["support"] == 0, ["precision", "recall", "f1"]] = np.nan
    return table.sort_values("f1", kind="stable", na_position="last", ignore_index=True)


def per_signer(predictions: ClipPredictions) -> pd.DataFrame:
    """Returns the scores of each signer's clips.

    Returns:
        A row per signer (one, `unknown`, where signers are), lowest accuracy first: `signer`,
        `clips`, `accuracy`, `balanced_accuracy`, `weighted_f1` and `macro_f1`; averages are over
        the signs of the signer's clips.
    """
    import pandas as pd

    parts = {
        signer: predictions.rows(predictions.signers == signer)
        for signer in predictions.signer_names
    }
    table = pd.DataFrame(
        [
            {"signer": name or "unknown", "clips": len(p), **p.score(*SCORES)}
            for name, p in parts.items()
        ]
    ).rename(columns={"acc": "accuracy", "balanced_acc": "balanced_accuracy"})
    return table.sort_values("accuracy", kind="stable", ignore_index=True)


def per_clip(predictions: ClipPredictions) -> pd.DataFrame:
    """Returns the prediction of every clip, in their order.

    Returns:
        `clip`, `signer`, `true_sign`, `predicted_sign`, `probability` (of the predicted sign),
        `probability_of_true_sign` and `rank_of_true_sign` (1 where the prediction is right).
    """
    import pandas as pd

    every_clip = np.arange(len(predictions))
    signs = np.array(predictions.signs, object)
    labels, probabilities = predictions.labels, predictions.probabilities
    return pd.DataFrame(
        {
            "clip": predictions.clips,
            "signer": predictions.signers,
            "true_sign": signs[labels],
            "predicted_sign": signs[predictions.predicted],
            "probability": probabilities[every_clip, predictions.predicted],
            "probability_of_true_sign": probabilities[every_clip, labels],
            "rank_of_true_sign": rank_of_true_sign(labels, probabilities) + 1,
        }
    )


def most_confident_errors(predictions: ClipPredictions, most: int = 25) -> pd.DataFrame:
    """Returns the rows of `per_clip` with wrong predictions of highest probability."""
    table = per_clip(predictions)
    wrong = table[predictions.labels != predictions.predicted]
    return wrong.sort_values("probability", ascending=False, kind="stable").head(most)


def hand_fractions(predictions: ClipPredictions, most_frames: int) -> NDArray[np.float64]:
    """Returns the fraction of each clip's frames in which a hand was found, float64 [clips].

    NaN where it is unknown: the clip was shortened to the most frames that a clip may have, or its
    raw frames were not counted.
    """
    known = (predictions.raw_frames > 0) & (predictions.frames < most_frames)
    fractions = predictions.frames / np.maximum(predictions.raw_frames, 1)
    return np.where(known, np.minimum(fractions, 1), np.nan)


def by_quantity(predictions: ClipPredictions, quantity: NDArray[np.float64]) -> pd.DataFrame:
    """Returns the scores of groups of clips, split at quantiles of some quantity.

    Args:
        predictions: The clips.
        quantity: float64 [clips]; NaN leaves a clip out.

    Returns:
        A row per group: `low`, `high`, `clips`, `accuracy`, `weighted_f1`.
    """
    import pandas as pd

    rows = []
    known = np.flatnonzero(np.isfinite(quantity))
    if len(known):
        edges = np.unique(np.quantile(quantity[known], np.linspace(0, 1, _GROUPS + 1)))
        groups = np.digitize(quantity[known], edges[1:-1], right=True)
        for group in np.unique(groups):
            chosen = known[groups == group]
            scores = predictions.rows(chosen).score("acc", "weighted_f1")
            values = quantity[chosen]
            rows.append([values.min(), values.max(), len(chosen), *scores.values()])
    return pd.DataFrame(rows, columns=["low", "high", "clips", "accuracy", "weighted_f1"])
