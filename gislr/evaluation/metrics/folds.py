"""What a cross-validation over signers came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gislr.evaluation.metrics.clip_predictions import ClipPredictions, pooled
from gislr.evaluation.metrics.intervals import FEW_SIGNERS, SCORES, Interval, score_intervals
from gislr.evaluation.metrics.scores import score
from gislr.evaluation.reports.tables import per_sign, per_signer
from gislr.utils.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FoldResult:
    """One training of a cross-validation.

    Attributes:
        fold: Which fold was held out.
        seed: The seed.
        predictions: Those of the held-out signers' clips.
    """

    fold: int
    seed: int
    predictions: ClipPredictions


@dataclass(frozen=True)
class CrossValidation:
    """Folds by seeds, put together.

    Attributes:
        pooled: By seed, the out-of-fold predictions of every clip.
        by_fold: A row a fold and seed.
        by_signer: A row a signer, means over seeds.
        by_sign: A row a sign, means over seeds.
        intervals: Each score of all clips, mean over seeds, with its interval over signers.
    """

    pooled: Mapping[int, ClipPredictions]
    by_fold: pd.DataFrame
    by_signer: pd.DataFrame
    by_sign: pd.DataFrame
    intervals: Mapping[str, Interval]


def cross_validation(results: Sequence[FoldResult]) -> CrossValidation:
    """Puts the trainings of a cross-validation together.

    Raises:
        DataError: A fold is missing for a seed, or a signer is held out in two folds.
    """
    import pandas as pd

    seeds = sorted({result.seed for result in results})
    folds = sorted({result.fold for result in results})
    found = {(result.fold, result.seed): result.predictions for result in results}
    missing = [(f, s) for s in seeds for f in folds if (f, s) not in found]
    if missing:
        named = ", ".join(f"fold {fold} seed {seed}" for fold, seed in missing)
        raise DataError(f"Every fold must be trained with every seed; {named} is missing.")
    by_seed = {seed: pooled([found[fold, seed] for fold in folds]) for seed in seeds}
    rows = []
    for (fold, seed), predictions in sorted(found.items()):
        scores = score(predictions.labels, predictions.probabilities)
        rows.append(
            {
                "fold": fold,
                "seed": seed,
                "signers": len(set(predictions.signers.tolist())),
                "clips": len(predictions),
                **{name: scores[name] for name in (*SCORES, "top_5_acc", "loss")},
            }
        )
    signers = [per_signer(p.labels, p.probabilities, p.signers) for p in by_seed.values()]
    signs = [per_sign(p.labels, p.probabilities, p.signs) for p in by_seed.values()]
    return CrossValidation(
        pooled=by_seed,
        by_fold=pd.DataFrame(rows),
        by_signer=_mean_over(signers, "signer", "accuracy"),
        by_sign=_mean_over(
            [table.drop(columns="most_confused_with") for table in signs], "sign", "f1"
        ),
        intervals=score_intervals(list(by_seed.values())),
    )


def text(result: CrossValidation) -> str:
    """Returns the result in a few lines for the terminal."""
    clips = len(next(iter(result.pooled.values())))
    lines = [
        f"\n{clips:,} clips of {len(result.by_signer)} signers, each held out once; "
        f"mean of {len(result.pooled)} seeds, 95% interval over signers",
        *(f"  {name:<13} {interval}" for name, interval in result.intervals.items()),
        "  by fold: weighted F1 "
        + ", ".join(
            f"{fold}: {group['weighted_f1'].mean():.4f}"
            for fold, group in result.by_fold.groupby("fold")
        ),
    ]
    if len(result.by_signer) < FEW_SIGNERS:
        lines.append(f"  {len(result.by_signer)} signers are too few for these intervals")
    spread = result.by_signer["accuracy"]
    lines.append(
        f"  by signer: accuracy {spread.min():.2f} to {spread.max():.2f}, "
        f"median {np.median(spread):.2f}"
    )
    return "\n".join(lines)


def _mean_over(tables: Sequence[pd.DataFrame], key: str, order: str) -> pd.DataFrame:
    import pandas as pd

    mean = pd.concat(tables).groupby(key, sort=False).mean().reset_index()
    return mean.sort_values(order, kind="stable", na_position="last", ignore_index=True)
