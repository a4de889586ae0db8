"""Compares models on the same clips: by how much, and whether it could be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gislr.evaluation.figures.quality_figures import gains, reliability
from gislr.evaluation.metrics.calibration import calibration
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.intervals import (
    SCORES,
    Difference,
    Interval,
    paired_differences,
    score_intervals,
)
from gislr.evaluation.reports.html_page import Section, page

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_CONFIDENCE = "confidence"
_SAME = "every parameter is the same"


@dataclass(frozen=True)
class Contestant:
    """A model that is compared.

    Attributes:
        name: What it is called.
        parameters: Its parameters, text.
        predictions: Of the same clips as the others', by one or several seeds.
    """

    name: str
    parameters: Mapping[str, str]
    predictions: Sequence[ClipPredictions]


@dataclass(frozen=True)
class Comparison:
    """Models beside each other; differences are against the first.

    Attributes:
        contestants: The models.
        scores: By model, each score with its interval over signers.
        differences: By model but the first, each score's paired difference.
    """

    contestants: Sequence[Contestant]
    scores: Sequence[Mapping[str, Interval]]
    differences: Sequence[Mapping[str, Difference]]


def compare(contestants: Sequence[Contestant]) -> Comparison:
    """Compares models on the same clips.

    Raises:
        DataError: They were evaluated on different clips.
    """
    first = contestants[0]
    differences = [paired_differences(first.predictions, c.predictions) for c in contestants[1:]]
    scores = [score_intervals(c.predictions) for c in contestants]
    return Comparison(contestants, scores, differences)


def parameters_table(comparison: Comparison) -> pd.DataFrame:
    """Returns the parameters in which the models differ, a row a parameter."""
    import pandas as pd

    names = [c.name for c in comparison.contestants]
    keys = sorted({key for c in comparison.contestants for key in c.parameters})
    rows = []
    for key in keys:
        values = [c.parameters.get(key, "") for c in comparison.contestants]
        if len(set(values)) > 1:
            rows.append([key, *values])
    return pd.DataFrame(rows, columns=["parameter", *names])


def scores_table(comparison: Comparison) -> pd.DataFrame:
    """Returns every model's scores with intervals, a row a model."""
    import pandas as pd

    rows = []
    for contestant, scores in zip(comparison.contestants, comparison.scores, strict=True):
        errors = [calibration(seed).error for seed in contestant.predictions]
        rows.append(
            [
                contestant.name,
                len(contestant.predictions),
                *(str(scores[name]) for name in SCORES),
                f"{sum(errors) / len(errors):.4f}",
            ]
        )
    return pd.DataFrame(rows, columns=["model", "seeds", *SCORES, "calibration_error"])


def differences_table(comparison: Comparison) -> pd.DataFrame:
    """Returns the paired differences against the first model, a row a model and score."""
    import pandas as pd

    rows = []
    for contestant, differences in zip(
        comparison.contestants[1:], comparison.differences, strict=True
    ):
        for name, difference in differences.items():
            found = difference.interval
            rows.append(
                [
                    contestant.name,
                    name,
                    f"{found.value:+.4f}",
                    f"{found.low:+.4f} to {found.high:+.4f}",
                    f"{difference.chance:.3f}",
                    difference.verdict,
                ]
            )
    columns = ["model", "score", "difference", "95% interval", "p", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def pictures(comparison: Comparison) -> dict[str, Figure]:
    """Returns calibration and top-k curves, and the gains and losses by sign, by file name."""
    first = comparison.contestants[0]
    drawn = {_CONFIDENCE: reliability({c.name: c.predictions[0] for c in comparison.contestants})}
    for k, other in enumerate(comparison.contestants[1:], 1):
        drawn[f"gains_{k}"] = gains(first.predictions, other.predictions, (first.name, other.name))
    return drawn


def markdown(comparison: Comparison) -> str:
    """Returns the comparison as Markdown."""
    parameters = parameters_table(comparison)
    parts = [
        f"# {_title(comparison)}",
        _lead(comparison),
        _markdown_table(scores_table(comparison)),
        f"## Against {comparison.contestants[0].name}, on the same signers",
        _markdown_table(differences_table(comparison)),
        "## What differs",
        _markdown_table(parameters) if len(parameters) else _SAME,
    ]
    return "\n\n".join(parts) + "\n"


def html(comparison: Comparison, drawn: Mapping[str, Figure]) -> str:
    """Returns the comparison as a self-contained page.

    Args:
        comparison: The comparison.
        drawn: What `pictures` returned.
    """
    gains_drawn = [figure for name, figure in drawn.items() if name != _CONFIDENCE]
    sections = [
        Section("Scores", "95% intervals over signers.", tables=[scores_table(comparison)]),
        Section(
            f"Against {comparison.contestants[0].name}",
            "Both models are scored on the same draws of signers.",
            tables=[differences_table(comparison)],
        ),
        Section("What differs", tables=[parameters_table(comparison)]),
        Section("Confidence", "First seeds.", figures=[drawn[_CONFIDENCE]]),
        Section("Gains and losses by sign", figures=gains_drawn),
    ]
    return page(_title(comparison), _lead(comparison), sections)


def _title(comparison: Comparison) -> str:
    return " against ".join(c.name for c in comparison.contestants[::-1])


def _lead(comparison: Comparison) -> str:
    predictions = comparison.contestants[0].predictions[0]
    signers = len(set(predictions.signers.tolist()))
    return f"{len(predictions):,} clips of {signers} signers who were held out."


def _markdown_table(table: pd.DataFrame) -> str:
    def row(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    lines = [row(list(table.columns)), row(["---"] * len(table.columns))]
    return "\n".join([*lines, *(row(cells) for cells in table.itertuples(index=False))])
