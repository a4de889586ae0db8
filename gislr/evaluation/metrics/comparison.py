"""Models compared on the same clips; the first is the reference of all differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gislr.evaluation.metrics.calibration import calibration
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.intervals import SCORES, paired_differences, score_intervals
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


def scores_table(models: Sequence[ComparedModel]) -> pd.DataFrame:
    """Returns every model's scores with intervals, a row per model."""
    import pandas as pd

    rows = []
    for model in models:
        intervals = score_intervals(model.predictions)
        error = np.mean([calibration(seed).error for seed in model.predictions])
        scores = [str(intervals[name]) for name in SCORES]
        rows.append([model.name, len(model.predictions), *scores, f"{error:.4f}"])
    return pd.DataFrame(rows, columns=["model", "seeds", *SCORES, "calibration_error"])


def differences_table(models: Sequence[ComparedModel]) -> pd.DataFrame:
    """Returns the paired differences from the first model, a row per model and score.

    Raises:
        DataError: The models were evaluated on different clips.
    """
    import pandas as pd

    rows = [
        [
            model.name,
            name,
            f"{found.interval.value:+.4f}",
            f"{found.interval.low:+.4f} to {found.interval.high:+.4f}",
            f"{found.p_value:.3f}",
            found.verdict,
        ]
        for model in models[1:]
        for name, found in paired_differences(models[0].predictions, model.predictions).items()
    ]
    columns = ["model", "score", "difference", "95% interval", "p-value", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def parameters_table(models: Sequence[ComparedModel]) -> pd.DataFrame:
    """Returns the parameters in which the models differ, a row per parameter."""
    import pandas as pd

    table = pd.DataFrame({k: model.parameters for k, model in enumerate(models)}).fillna("")
    table = table[table.nunique(axis=1) > 1].sort_index().reset_index()
    return table.set_axis(["parameter", *(model.name for model in models)], axis=1)


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
