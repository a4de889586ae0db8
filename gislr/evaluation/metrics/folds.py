"""The results of a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gislr.evaluation.metrics.clip_predictions import ClipPredictions, pooled
from gislr.evaluation.metrics.intervals import Interval, score_intervals
from gislr.evaluation.metrics.tables import per_sign, per_signer
from gislr.utils.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CrossValidation:
    """The results of all folds and seeds.

    Attributes:
        pooled: By seed, the out-of-fold predictions of every clip.
        by_fold: A row per fold and seed.
        by_signer: A row per signer, means over seeds.
        by_sign: A row per sign, means over seeds.
        intervals: Each score of all clips, mean over seeds, with its interval over signers.
    """

    pooled: Mapping[int, ClipPredictions]
    by_fold: pd.DataFrame
    by_signer: pd.DataFrame
    by_sign: pd.DataFrame
    intervals: Mapping[str, Interval]


def cross_validation(results: Mapping[tuple[int, int], ClipPredictions]) -> CrossValidation:
    """Combines the trainings of a cross-validation.

    Args:
        results: By fold and seed, the predictions of the held-out signers' clips.

    Raises:
        DataError: A fold is missing for a seed, or a clip is held out in two folds.
    """
    import pandas as pd

    folds = sorted({fold for fold, _ in results})
    seeds = sorted({seed for _, seed in results})
    if missing := [(f, s) for s in seeds for f in folds if (f, s) not in results]:
        named = ", ".join(f"fold {fold} seed {seed}" for fold, seed in missing)
        raise DataError(f"Every fold must be trained with every seed; {named} is missing.")
    by_seed = {seed: pooled([results[fold, seed] for fold in folds]) for seed in seeds}
    rows = [
        {
            "fold": fold,
            "seed": seed,
            "signers": len(predictions.signer_names),
            "clips": len(predictions),
            **predictions.score(),
        }
        for (fold, seed), predictions in sorted(results.items())
    ]
    signs = [per_sign(p).drop(columns="most_confused_with") for p in by_seed.values()]
    return CrossValidation(
        pooled=by_seed,
        by_fold=pd.DataFrame(rows),
        by_signer=mean_over([per_signer(p) for p in by_seed.values()], "signer", "accuracy"),
        by_sign=mean_over(signs, "sign", "f1"),
        intervals=score_intervals(list(by_seed.values())),
    )


def mean_over(tables: Sequence[pd.DataFrame], key: str, order: str) -> pd.DataFrame:
    """Returns the means of several tables over the rows of a key, lowest first by a column."""
    import pandas as pd

    mean = pd.concat(tables).groupby(key, sort=False).mean().reset_index()
    return mean.sort_values(order, kind="stable", na_position="last", ignore_index=True)
