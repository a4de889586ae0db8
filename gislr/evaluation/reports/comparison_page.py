"""A comparison of models as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gislr.evaluation.figures import quality_figures
from gislr.evaluation.metrics.comparison import (
    ComparedModel,
    differences_table,
    parameters_table,
    per_class_difference,
    scores_table,
)
from gislr.evaluation.reports.page import Page, Section, png

CALIBRATION, PER_CLASS_DIFFERENCE = "calibration", "per_class_difference"

MOST_DRAWN = 20
"""The most models that figures show: more curves are illegible, and each figure takes a second."""


def comparison_figures(models: Sequence[ComparedModel]) -> dict[str, bytes]:
    """Returns calibration and top-k curves, and the per-class differences, as PNG by file name."""
    first, *others = models[:MOST_DRAWN]
    curves = {model.name: model.predictions[0] for model in (first, *others)}
    figures = {CALIBRATION: png(quality_figures.reliability_diagram(curves))}
    for k, other in enumerate(others, 1):
        difference = per_class_difference(first.predictions, other.predictions)
        figures[f"{PER_CLASS_DIFFERENCE}_{k}"] = png(
            quality_figures.f1_differences(difference, f"{other.name} vs. {first.name}")
        )
    return figures


def comparison_page(models: Sequence[ComparedModel], figures: Mapping[str, bytes]) -> Page:
    """Returns the page of a comparison.

    Args:
        models: The models; the first is the reference of all differences.
        figures: As by `comparison_figures`.

    Raises:
        DataError: The models were evaluated on different clips.
    """
    predictions = models[0].predictions[0]
    title, drawn = " vs. ".join(model.name for model in models[::-1]), ""
    if len(models) > MOST_DRAWN:
        title = f"{len(models) - 1:,} models vs. {models[0].name}"
        drawn = f" Of the first {MOST_DRAWN} models."
    return Page(
        title=title,
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
            Section(
                "Calibration",
                f"Of each model's first seed.{drawn}",
                figures=[figures[CALIBRATION]],
            ),
            Section(
                "Per-class difference",
                drawn,
                figures=[figure for name, figure in figures.items() if name != CALIBRATION],
            ),
        ],
    )
