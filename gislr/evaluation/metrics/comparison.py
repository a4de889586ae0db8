"""Models compared on the same clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.intervals import (
    Difference,
    Interval,
    paired_differences,
    score_intervals,
)
from gislr.evaluation.metrics.tables import per_sign

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ComparedModel:
    """A model that is compared.

    Attributes:
        name: Its name.
        parameters: Its parameters, text.
        predictions: By one or several seeds, of the same clips as the other models'.
    """

    name: str
    parameters: Mapping[str, str]
    predictions: Sequence[ClipPredictions]


@dataclass(frozen=True)
class Comparison:
    """Scores of models, and their differences from the first.

    Attributes:
        models: The models.
        scores: By model, each score with its interval over signers.
        differences: By model except the first, the paired difference of each score.
    """

    models: Sequence[ComparedModel]
    scores: Sequence[Mapping[str, Interval]]
    differences: Sequence[Mapping[str, Difference]]


def compare(models: Sequence[ComparedModel]) -> Comparison:
    """Compares models on the same clips.

    Raises:
        DataError: They were evaluated on different clips.
    """
    first, *others = [model.predictions for model in models]
    differences = [paired_differences(first, other) for other in others]
    return Comparison(models, [score_intervals(m.predictions) for m in models], differences)


def per_class_difference(
    first: Sequence[ClipPredictions], second: Sequence[ClipPredictions]
) -> pd.Series[float]:
    """Returns by how much the second model's F1 of each sign is higher, the lowest first.

    Args:
        first: Predictions by one or several seeds; F1 is a mean over them.
        second: Another model's predictions of the same clips.
    """
    f1 = [
        sum(per_sign(seed).set_index("sign")["f1"] for seed in seeds) / len(seeds)
        for seeds in (first, second)
    ]
    return (f1[1] - f1[0]).dropna().sort_values()
