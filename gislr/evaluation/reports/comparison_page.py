"""A comparison of models as tables, figures, Markdown and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gislr.evaluation.figures import quality_figures
from gislr.evaluation.metrics.calibration import calibration
from gislr.evaluation.metrics.comparison import Comparison, per_class_difference
from gislr.evaluation.metrics.intervals import SCORES
from gislr.evaluation.reports.html_page import Section, page

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CALIBRATION, PER_CLASS_DIFFERENCE = "calibration", "per_class_difference"


def parameters_table(comparison: Comparison) -> pd.DataFrame:
    """Returns the parameters in which the models differ, a row per parameter."""
    import pandas as pd

    parameters = [model.parameters for model in comparison.models]
    rows = [
        [key, *(values.get(key, "") for values in parameters)]
        for key in sorted({key for values in parameters for key in values})
        if len({values.get(key, "") for values in parameters}) > 1
    ]
    return pd.DataFrame(rows, columns=["parameter", *(m.name for m in comparison.models)])


def scores_table(comparison: Comparison) -> pd.DataFrame:
    """Returns every model's scores with intervals, a row per model."""
    import pandas as pd

    rows = [
        [
            model.name,
            len(model.predictions),
            *(str(scores[name]) for name in SCORES),
            f"{np.mean([calibration(seed).error for seed in model.predictions]):.4f}",
        ]
        for model, scores in zip(comparison.models, comparison.scores, strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "seeds", *SCORES, "calibration_error"])


def differences_table(comparison: Comparison) -> pd.DataFrame:
    """Returns the paired differences from the first model, a row per model and score."""
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
        for model, differences in zip(comparison.models[1:], comparison.differences, strict=True)
        for name, found in differences.items()
    ]
    columns = ["model", "score", "difference", "95% interval", "p-value", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def comparison_figures(comparison: Comparison) -> dict[str, Figure]:
    """Returns calibration and top-k curves, and the per-class differences, by file name."""
    first, *others = comparison.models
    curves = {model.name: model.predictions[0] for model in comparison.models}
    figures = {CALIBRATION: quality_figures.reliability_diagram(curves)}
    for k, other in enumerate(others, 1):
        figures[f"{PER_CLASS_DIFFERENCE}_{k}"] = quality_figures.per_class_difference_figure(
            per_class_difference(first.predictions, other.predictions), (first.name, other.name)
        )
    return figures


def markdown(comparison: Comparison) -> str:
    """Returns the comparison as Markdown."""
    parameters = parameters_table(comparison)
    parts = [
        f"# {_title(comparison)}",
        _lead(comparison),
        _markdown_table(scores_table(comparison)),
        f"## Difference from {comparison.models[0].name}",
        _markdown_table(differences_table(comparison)),
        "## Parameters that differ",
        _markdown_table(parameters) if len(parameters) else "none",
    ]
    return "\n\n".join(parts) + "\n"


def html(comparison: Comparison, figures: Mapping[str, Figure]) -> str:
    """Returns the comparison as a self-contained page.

    Args:
        comparison: The comparison.
        figures: As by `comparison_figures`.
    """
    per_class = [figure for name, figure in figures.items() if name != CALIBRATION]
    sections = [
        Section("Scores", "95% intervals over signers.", tables=[scores_table(comparison)]),
        Section(
            f"Difference from {comparison.models[0].name}",
            "Paired bootstrap: both models are scored on the same draws of signers.",
            tables=[differences_table(comparison)],
        ),
        Section("Parameters that differ", tables=[parameters_table(comparison)]),
        Section("Calibration", "Of each model's first seed.", figures=[figures[CALIBRATION]]),
        Section("Per-class difference", figures=per_class),
    ]
    return page(_title(comparison), _lead(comparison), sections)


def _title(comparison: Comparison) -> str:
    return " vs. ".join(model.name for model in comparison.models[::-1])


def _lead(comparison: Comparison) -> str:
    predictions = comparison.models[0].predictions[0]
    return f"{len(predictions):,} clips of {len(predictions.signer_names)} held-out signers."


def _markdown_table(table: pd.DataFrame) -> str:
    def row(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    lines = [row(list(table.columns)), row(["---"] * len(table.columns))]
    return "\n".join([*lines, *(row(cells) for cells in table.itertuples(index=False))])
