"""One page with the evaluation of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gislr.data.store import Store
from gislr.evaluation.figures import quality_figures
from gislr.evaluation.figures.clip_figures import kept_landmarks, strip
from gislr.evaluation.figures.confusion_figure import confusion_figure
from gislr.evaluation.metrics import confusion
from gislr.evaluation.metrics.calibration import calibration
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.tables import most_confident_errors
from gislr.evaluation.reports import report_files as files
from gislr.evaluation.reports.confusion_chart import confusion_chart
from gislr.evaluation.reports.html_page import Section, page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = "report.html"
"""File name of the page."""

_BLOCK = 20
_ERRORS_DRAWN = 3


def write_evaluation(
    folder: Path,
    predictions: ClipPredictions,
    store: Store,
    *,
    title: str,
    signers: str,
    history: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Writes the tables, the figures and the page of an evaluation.

    Args:
        folder: Output folder, which is created if it does not exist.
        predictions: The predictions to evaluate.
        store: The data of the clips.
        title: The page's heading.
        signers: Which signers the clips are of, such as "held-out signers".
        history: One value per epoch of each metric.
    """
    report = files.make_report(predictions, history)
    report.write(folder)
    text = run_page(title, predictions, report, store, signers)
    (folder / PAGE).write_text(text, encoding="utf-8")


def run_page(
    title: str, predictions: ClipPredictions, report: files.Report, store: Store, signers: str
) -> str:
    """Returns the page as self-contained HTML; the arguments are those of `write_evaluation`."""
    import pandas as pd

    scores = predictions.score()
    found = calibration(predictions)
    lead = (
        f"{len(predictions):,} clips of {len(predictions.signer_names)} {signers}: accuracy "
        f"{scores['acc']:.4f}, weighted F1 {scores['weighted_f1']:.4f}, macro F1 "
        f"{scores['macro_f1']:.4f}."
    )
    rows = [*scores.items(), ("calibration_error", found.error)]
    sections = [Section("Scores", tables=[pd.DataFrame(rows, columns=["score", "value"])])]
    if files.LEARNING_CURVES in report.figures:
        curves = report.figures[files.LEARNING_CURVES]
        sections.append(Section("Learning curves", figures=[curves]))
    per_signer = report.tables[files.PER_SIGNER]
    sections += [
        Section(
            "Signs",
            figures=[report.figures[files.F1_BY_SIGN]],
            tables=[report.tables[files.PER_SIGN]],
        ),
        _confusions(report),
        Section(
            "Signers",
            "Expect a similar spread of accuracy among new signers.",
            figures=[quality_figures.accuracy_by_signer(per_signer)],
            tables=[per_signer],
        ),
        Section(
            "Calibration",
            f"Expected calibration error (ECE) {found.error:.3f}, 15 bins.",
            figures=[quality_figures.reliability_diagram({"this run": predictions})],
        ),
        Section(
            "Clip length and detected hands",
            figures=[quality_figures.f1_by_clip(predictions, store.most_frames)],
        ),
        _errors(predictions, store),
    ]
    return page(title, lead, sections)


def _confusions(report: files.Report) -> Section:
    matrix = confusion.sort_by_confusion(report.tables[files.CONFUSION_MATRIX])
    figures: list[Figure | bytes] = [report.figures[files.CONFUSION_FIGURE]]
    if len(matrix) > 2 * _BLOCK:
        block = confusion.most_confused_block(matrix, _BLOCK)
        figures.append(confusion_figure(block, confusion.most_confused(block)))
    return Section(
        "Confusion matrix",
        "Signs that are confused with each other are adjacent. Point at a cell of the interactive "
        "chart to see its signs and clips.",
        figures=figures,
        charts=[confusion_chart(matrix)],
        tables=[report.tables[files.MOST_CONFUSED]],
    )


def _errors(predictions: ClipPredictions, store: Store) -> Section:
    table = most_confident_errors(predictions)
    index = {path: clip for clip, path in enumerate(store.clips.paths.tolist())}
    strips = [
        strip(
            {"": kept_landmarks(store, index[row.clip])},
            f"{row.clip}: {row.true_sign}, confused with {row.predicted_sign} "
            f"({row.probability:.0%})",
        )
        for row in table.head(_ERRORS_DRAWN).itertuples()
    ]
    return Section(
        "Most confident errors",
        "The figures show the frames and landmarks that the model receives. To animate a clip: "
        "gislr view CLIP",
        figures=strips,
        tables=[table],
    )
