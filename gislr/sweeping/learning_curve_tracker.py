"""Records a learning curve: how scores grow with the number of clips of each sign."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gislr.evaluation.figures.score_figures import score_by_clips
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.intervals import score_intervals
from gislr.sweeping.evaluated_trials import EvaluatedTrials, Results
from gislr.utils.log import log

if TYPE_CHECKING:
    import pandas as pd

ALL = "all"
TABLE, FIGURE = "learning_curve.csv", "learning_curve.png"


def learning_curve(results: Results) -> pd.DataFrame:
    """Returns each score of each number of clips, the mean over seeds, with its interval.

    Args:
        results: By number of clips, `None` for all, and seed.

    Returns:
        A row per number of clips, the fewest first and `all` last: `clips_per_sign`, `seeds`, and
        each score `acc` with `acc_low` and `acc_high`.
    """
    import pandas as pd

    by_count: dict[int | None, list[ClipPredictions]] = defaultdict(list)
    for (count, _), predictions in sorted(results.items(), key=lambda item: item[0][1]):
        by_count[count].append(predictions)
    rows = []
    for count in sorted(by_count, key=lambda count: (count is None, count)):
        row: dict[str, object] = {
            "clips_per_sign": ALL if count is None else count,
            "seeds": len(by_count[count]),
        }
        for name, found in score_intervals(by_count[count]).items():
            row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(row)
    return pd.DataFrame(rows)


class LearningCurveTracker(EvaluatedTrials):
    """Draws the scores by number of clips."""

    run_names = "{clips} clips, seed {seed}"
    setting = "training.clips_per_sign"

    def summarize(self, results: Results) -> None:
        """Records the table and the figure, and logs the table."""
        table = learning_curve(results)
        over = next(iter(results.values())).intervals_over
        shown = table[
            ["clips_per_sign", "seeds", "weighted_f1", "weighted_f1_low", "weighted_f1_high"]
        ]
        log.info(f"\n{shown.to_string(index=False, float_format='{:.4f}'.format)}")
        log.info(f"means of the seeds on the same held-out clips; 95% intervals {over}")
        with self._run.folder() as folder:
            table.to_csv(folder / TABLE, index=False)
            score_by_clips(table, over).savefig(folder / FIGURE)
