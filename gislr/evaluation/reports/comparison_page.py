"""A comparison of models as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gislr.evaluation.figures import quality_figures
from gislr.evaluation.metrics.comparison import (
    ComparedModel,
    differences_table,
    parameters_table,
    per_class_difference,
    scores_table,
)
from gislr.evaluation.reports.page import Page, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CALIBRATION, PER_CLASS_DIFFERENCE = "calibration", "per_class_difference"


def comparison_figures(models: Sequence[ComparedModel]) -> dict[str, Figure]:
    """Returns calibration and top-k curves, and the per-class differences, by file name."""
    first, *others = models
    curves = {model.name: model.predictions[0] for model in models}
    figures = {CALIBRATION: quality_figures.reliability_diagram(curves)}
    for k, other in enumerate(others, 1):
        difference = per_class_difference(first.predictions, other.predictions)
        figures[f"{PER_CLASS_DIFFERENCE}_{k}"] = quality_figures.f1_differences(
            difference, f"{other.name} vs. {first.name}"
        )
    return figures


def comparison_page(models: Sequence[ComparedModel], figures: Mapping[str, Figure]) -> Page:
    """Returns the page of a comparison.

    Args:
        models: The models; the first is the reference of all differences.
        figures: As by `comparison_figures`.

    Raises:
        DataError: The models were evaluated on different clips.
    """
    predictions = models[0].predictions[0]
    return Page(
        title=" vs. ".join(model.name for model in models[::-1]),
        lead=f"{len(predictions):,} clips of {predictions.signer_count}, held out.",
        sections=[
            Section(
                "Scores",
                f"95% intervals {predictions.intervals_over}.",
                tables=[scores_table(models)],
            ),
            Section(
                f"Difference from {models[0].name}",
                "Paired bootstrap: both models are scored on the same draws; intervals "
                f"{predictions.intervals_over}.",
                tables=[differences_table(models)],
            ),
            Section("Parameters that differ", tables=[parameters_table(models)]),
            Section("Calibration", "Of each model's first seed.", figures=[figures[CALIBRATION]]),
            Section(
                "Per-class difference",
                figures=[figure for name, figure in figures.items() if name != CALIBRATION],
            ),
        ],
    )
