"""Tables that say which signs, signers and clips a model gets wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.metrics.scores import Float32, Labels, check_predictions, rank_of_true, score
from gislr.utils.errors import GislrError

if TYPE_CHECKING:
    import pandas as pd

Strings = NDArray[np.str_]


def per_sign(labels: Labels, probabilities: Float32, signs: Sequence[str]) -> pd.DataFrame:
    """Reports how well each sign is recognized.

    Args:
        labels: int32 [clips], the true signs.
        probabilities: float32 [clips, signs].
        signs: The name of each label.

    Returns:
        A row for each sign, of lowest F1 first: `sign`, `precision`, `recall`, `f1`, `support`
        (clips of the sign), `predicted` (clips taken for it) and `most_confused_with` (what most of
        its wrong clips were taken for, empty where none is wrong). Signs without clips come last,
        with NaN for precision, recall and F1.

    Raises:
        GislrError: The arrays do not fit together.
    """
    import pandas as pd
    from sklearn.metrics import precision_recall_fscore_support

    matrix = confusion_matrix(labels, probabilities, signs).to_numpy()
    precision, recall, f1, support = precision_recall_fscore_support(
        labels,
        probabilities.argmax(axis=1),
        labels=np.arange(len(signs)),
        average=None,
        zero_division=0,
    )
    wrong = matrix - np.diag(np.diag(matrix))
    taken_for = wrong.argmax(axis=1)
    table = pd.DataFrame(
        {
            "sign": list(signs),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "support": support,
            "predicted": matrix.sum(axis=0),
            "most_confused_with": [
                signs[other] if mistakes.any() else ""
                for other, mistakes in zip(taken_for, wrong, strict=True)
            ],
        }
    )
    table.loc[support == 0, ["precision", "recall", "f1"]] = np.nan
    return table.sort_values("f1", kind="stable", na_position="last", ignore_index=True)


def per_signer(labels: Labels, probabilities: Float32, signers: Strings) -> pd.DataFrame:
    """Reports how well each signer is understood.

    Args:
        labels: int32 [clips], the true signs.
        probabilities: float32 [clips, signs].
        signers: str [clips].

    Returns:
        A row for each signer, of lowest accuracy first: `signer`, `clips`, `accuracy`,
        `balanced_accuracy`, `weighted_f1` and `macro_f1`; the averages are over the signs that the
        signer's clips hold.

    Raises:
        GislrError: The arrays do not fit together.
    """
    import pandas as pd

    check_predictions(labels, probabilities)
    _check_length("signers", signers, labels)
    rows = []
    for signer in np.unique(signers):
        chosen = np.asarray(signers) == signer
        scores = score(labels[chosen], probabilities[chosen])
        rows.append(
            {
                "signer": str(signer),
                "clips": int(chosen.sum()),
                "accuracy": scores["acc"],
                "balanced_accuracy": scores["balanced_acc"],
                "weighted_f1": scores["weighted_f1"],
                "macro_f1": scores["macro_f1"],
            }
        )
    return pd.DataFrame(rows).sort_values("accuracy", kind="stable", ignore_index=True)


def confusion_matrix(labels: Labels, probabilities: Float32, signs: Sequence[str]) -> pd.DataFrame:
    """Counts what the clips of each sign were taken for.

    Args:
        labels: int32 [clips], the true signs.
        probabilities: float32 [clips, signs].
        signs: The name of each label.

    Returns:
        Counts of clips: a row for each true sign, a column for each predicted one.

    Raises:
        GislrError: The arrays do not fit together.
    """
    import pandas as pd
    from sklearn import metrics

    check_predictions(labels, probabilities)
    if len(signs) != probabilities.shape[1]:
        raise GislrError(
            f"Each of the {probabilities.shape[1]} columns of the probabilities needs the name of "
            f"its sign; got {len(signs)} names."
        )
    counts = metrics.confusion_matrix(
        labels, probabilities.argmax(axis=1), labels=np.arange(len(signs))
    )
    return pd.DataFrame(
        counts, index=pd.Index(signs, name="true"), columns=pd.Index(signs, name="predicted")
    )


def most_confused(matrix: pd.DataFrame, pairs: int = 50) -> pd.DataFrame:
    """Lists the mistakes made most often.

    Args:
        matrix: What `confusion_matrix` returns.
        pairs: Number of rows at most.

    Returns:
        A row for each pair of signs, of most clips first and, among equals, of largest share:
        `true`, `predicted`, `clips` and `share_of_true` (clips over all clips of the true sign).
        Pairs that were never confused are not all_clips.
    """
    import pandas as pd

    counts = matrix.to_numpy()
    rows, columns = np.nonzero(counts - np.diag(np.diag(counts)))
    clips = counts[rows, columns]
    share = clips / counts.sum(axis=1)[rows]
    order = np.lexsort((-share, -clips))[:pairs]
    return pd.DataFrame(
        {
            "true": matrix.index.to_numpy()[rows[order]],
            "predicted": matrix.columns.to_numpy()[columns[order]],
            "clips": clips[order],
            "share_of_true": share[order],
        }
    )


def predictions(
    labels: Labels,
    probabilities: Float32,
    signers: Strings,
    signs: Sequence[str],
    clips: Sequence[str],
) -> pd.DataFrame:
    """Lists what every clip was taken for.

    Args:
        labels: int32 [clips], the true signs.
        probabilities: float32 [clips, signs].
        signers: str [clips].
        signs: The name of each label.
        clips: The path of each clip.

    Returns:
        A row for each clip, in the order given: `clip`, `signer`, `true`, `predicted`,
        `probability` (of the predicted sign), `probability_of_true` and `rank_of_true` (1 where
        the prediction is right).

    Raises:
        GislrError: The arrays do not fit together.
    """
    import pandas as pd

    check_predictions(labels, probabilities)
    _check_length("signers", signers, labels)
    _check_length("clip paths", clips, labels)
    predicted = probabilities.argmax(axis=1)
    every_clip = np.arange(len(labels))
    return pd.DataFrame(
        {
            "clip": list(clips),
            "signer": [str(signer) for signer in signers],
            "true": [signs[label] for label in labels],
            "predicted": [signs[label] for label in predicted],
            "probability": probabilities[every_clip, predicted],
            "probability_of_true": probabilities[every_clip, labels],
            "rank_of_true": rank_of_true(labels, probabilities) + 1,
        }
    )


def _check_length(what: str, values: Sequence[str] | Strings, labels: Labels) -> None:
    if len(values) != len(labels):
        raise GislrError(f"There must be {len(labels)} {what}, one a clip; got {len(values)}.")
