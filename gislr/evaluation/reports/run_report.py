"""The evaluation of a run: tables, figures and one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gislr.data.store import Store
from gislr.evaluation.figures import quality_figures
from gislr.evaluation.figures.clip_figures import kept_landmarks, strip
from gislr.evaluation.figures.confusion_figure import confusion_chart, confusion_figure
from gislr.evaluation.metrics import confusion, tables
from gislr.evaluation.metrics.calibration import (
    BINS,
    at_temperature,
    calibrated_by_others,
    calibration,
    fit_temperature,
)
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.intervals import score_intervals
from gislr.evaluation.metrics.rejection import Rejection, judge_rejection, rejection_threshold
from gislr.evaluation.metrics.signer_factors import correlations, signer_factors
from gislr.evaluation.reports.page import Page, Section
from gislr.evaluation.reports.report_files import (
    CONFUSION_FIGURE,
    CONFUSION_MATRIX,
    F1_BY_SIGN,
    LEARNING_CURVES,
    MOST_CONFUSED,
    PAGE,
    PER_SIGN,
    PER_SIGNER,
    Report,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLOCK = 20
_ERRORS_DRAWN = 3


def write_evaluation(
    folder: Path,
    predictions: ClipPredictions,
    store: Store,
    *,
    title: str,
    whose: str,
    new_signers: bool,
    history: Mapping[str, Sequence[float]] | None = None,
    rejection: Rejection | None = None,
) -> None:
    """Writes the tables, the figures and the page of an evaluation.

    Args:
        folder: Output folder, which is created if it does not exist.
        predictions: The predictions to evaluate.
        store: The data of the clips.
        title: The page's heading.
        whose: Whose clips they are, such as "3 held-out signers".
        new_signers: Whether the model was trained on no clip of these signers.
        history: One value per epoch of each metric.
        rejection: What the model's threshold rejects; `None` for a threshold and a temperature
            that suit these clips.
    """
    temperature = fit_temperature(predictions)
    if rejection is None:
        calibrated = at_temperature(predictions, temperature)
        rejection = judge_rejection(calibrated, rejection_threshold(calibrated))
    report = Report.of(predictions, history)
    report.write(folder)
    page = Page(
        title,
        _lead(predictions, whose),
        [
            *_of_signs_and_signers(predictions, report, store, new_signers=new_signers),
            *_of_probabilities(predictions, temperature, rejection),
            *_of_clips(predictions, store),
        ],
    )
    (folder / PAGE).write_text(page.html(), encoding="utf-8")


def _lead(predictions: ClipPredictions, whose: str) -> str:
    scores = predictions.score("acc", "weighted_f1", "macro_f1")
    return (
        f"{len(predictions):,} clips of {whose}: accuracy "
        f"{scores['acc']:.4f}, weighted F1 {scores['weighted_f1']:.4f}, macro F1 "
        f"{scores['macro_f1']:.4f}."
    )


def _of_signs_and_signers(
    predictions: ClipPredictions, report: Report, store: Store, *, new_signers: bool
) -> list[Section]:
    import pandas as pd

    error = calibration(predictions).error
    intervals = {name: found.ends for name, found in score_intervals([predictions]).items()}
    scores = [
        (name, value, intervals.get(name, ""))
        for name, value in (predictions.score() | {"calibration_error": error}).items()
    ]
    per_signer, known = report.tables[PER_SIGNER], predictions.signers_known
    curves = [report.figures[LEARNING_CURVES]] if LEARNING_CURVES in report.figures else []
    return [
        Section(
            "Scores",
            f"95% intervals {predictions.intervals_over}.",
            figures=curves,
            tables=[pd.DataFrame(scores, columns=["score", "value", "95% interval"])],
        ),
        Section("Signs", figures=[report.figures[F1_BY_SIGN]], tables=[report.tables[PER_SIGN]]),
        _confusions(report),
        Section(
            "Signers",
            _of_signers(predictions, new_signers=new_signers),
            figures=[quality_figures.accuracy_by_signer(per_signer)] if known else [],
            tables=[per_signer] if known else [],
        ),
        *_why(predictions, store),
    ]


def _of_probabilities(
    predictions: ClipPredictions, temperature: float, rejection: Rejection
) -> list[Section]:
    error, calibrated = calibration(predictions).error, calibrated_by_others(predictions)
    over = "the signers" if predictions.signers_known else "the clips"
    models = {"this run": predictions, "calibrated": calibrated}
    return [
        Section(
            "Calibration",
            f"Expected calibration error (ECE): {error:.3f}, {BINS} bins. The logged model and "
            f"exported files divide logits by a temperature; {temperature:.2f} suits these clips. "
            f"With half of {over} at the temperature of the other half, the error is "
            f"{calibration(calibrated).error:.3f}.",
            figures=[quality_figures.reliability_diagram(models)],
        ),
        Section(
            "Rejection",
            f"Calibrated, {rejection}.",
            figures=[quality_figures.risk_coverage_curves(rejection)],
        ),
    ]


def _of_clips(predictions: ClipPredictions, store: Store) -> list[Section]:
    return [
        Section(
            "Clip length and detected hands",
            figures=[quality_figures.f1_by_clip(predictions, store.most_frames)],
        ),
        _errors(predictions, store),
    ]


def _why(predictions: ClipPredictions, store: Store) -> list[Section]:
    found = correlations(signer_factors(predictions, store)) if predictions.signers_known else None
    if found is None or found.empty:
        return []
    return [
        Section(
            "What goes with a signer's accuracy",
            "Rank correlations over signers (Spearman) with 95% intervals. An interval that holds "
            "zero may be chance, and no correlation need be a cause.",
            tables=[found],
        )
    ]


def _of_signers(predictions: ClipPredictions, *, new_signers: bool) -> str:
    if not predictions.signers_known:
        return "The data does not say whose clips these are: the same people may be trained on."
    if not new_signers:
        return "The model may be trained on other clips of these signers: expect less of new ones."
    return "Expect a similar spread of accuracy among new signers."


def _confusions(report: Report) -> Section:
    matrix = confusion.sort_by_confusion(report.tables[CONFUSION_MATRIX])
    figures: list[Figure | bytes] = [report.figures[CONFUSION_FIGURE]]
    if len(matrix) > 2 * _BLOCK:
        block = confusion.most_confused_block(matrix, _BLOCK)
        figures.append(confusion_figure(block, confusion.most_confused(block)))
    return Section(
        "Confusion matrix",
        "Signs that are confused with each other are adjacent. Point at a cell of the interactive "
        "chart to see its signs and clips.",
        figures=figures,
        charts=[confusion_chart(matrix)],
        tables=[report.tables[MOST_CONFUSED]],
    )


def _errors(predictions: ClipPredictions, store: Store) -> Section:
    table = tables.most_confident_errors(predictions)
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
        "gislr view CLIP root=DIR",
        figures=strips,
        tables=[table],
    )
