"""The evaluation of a run: tables, figures and one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LandmarkSet
from gislr.data.store import Store
from gislr.evaluation.figures import quality_figures, score_figures
from gislr.evaluation.figures.clip_figures import kept_landmarks, strip
from gislr.evaluation.figures.confusion_figure import confusion_chart, confusion_figure
from gislr.evaluation.figures.data_figures import landmark_box_plots
from gislr.evaluation.metrics import confusion, tables
from gislr.evaluation.metrics.calibration import (
    BINS,
    calibrated_by_others,
    calibration,
    fit_temperature,
)
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.intervals import score_intervals
from gislr.evaluation.metrics.signer_factors import correlations, signer_factors
from gislr.evaluation.reports.page import Page, Section, png

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PER_SIGN, PER_SIGNER, PER_CLIP = "per_sign.csv", "per_signer.csv", "predictions.csv"
CONFUSION_MATRIX, MOST_CONFUSED = "confusion_matrix.csv", "most_confused.csv"
F1_BY_SIGN, CONFUSION_FIGURE = "f1_by_sign.png", "confusion_matrix.png"
LEARNING_CURVES, PAGE = "learning_curves.png", "report.html"

_BLOCK = 20
_ERRORS_DRAWN = 3


def landmark_images(frames: NDArray[np.float32], landmarks: LandmarkSet) -> dict[str, bytes]:
    """Returns the box plots of `landmark_box_plots` as PNG, by part."""
    return {part: png(figure) for part, figure in landmark_box_plots(frames, landmarks).items()}


@dataclass(frozen=True)
class Report:
    """The tables and figures of an evaluation.

    Attributes:
        tables: By file name.
        figures: PNG, by file name.
    """

    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, bytes]

    @classmethod
    def of(
        cls, predictions: ClipPredictions, history: Mapping[str, Sequence[float]] | None = None
    ) -> Report:
        """Returns the report on predictions.

        Args:
            predictions: The predictions to evaluate.
            history: One value per epoch of each metric; None leaves the learning curves out.
        """
        per_sign = tables.per_sign(predictions)
        matrix = confusion.confusion_matrix(predictions)
        pairs = confusion.most_confused(matrix)
        figures = {
            F1_BY_SIGN: score_figures.f1_by_sign(per_sign),
            CONFUSION_FIGURE: confusion_figure(confusion.sort_by_confusion(matrix), pairs),
        }
        if history is not None:
            figures[LEARNING_CURVES] = score_figures.learning_curves(history)
        return cls(
            tables={
                PER_SIGN: per_sign,
                PER_SIGNER: tables.per_signer(predictions),
                CONFUSION_MATRIX: matrix,
                MOST_CONFUSED: pairs,
                PER_CLIP: tables.per_clip(predictions),
            },
            figures={name: png(figure) for name, figure in figures.items()},
        )

    def write(self, folder: Path) -> None:
        """Writes the files into a folder, which is created if it does not exist.

        Names of signs are written as they are: read signs such as `null` or `NA` with
        `pandas.read_csv(..., keep_default_na=False)`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            index = name == CONFUSION_MATRIX
            table.to_csv(folder / name, index=index, lineterminator="\n", float_format="%.6g")
        for name, figure in self.figures.items():
            (folder / name).write_bytes(figure)


def write_evaluation(
    folder: Path,
    predictions: ClipPredictions,
    store: Store,
    *,
    title: str,
    whose: str,
    new_signers: bool,
    history: Mapping[str, Sequence[float]] | None = None,
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
    """
    report = Report.of(predictions, history)
    report.write(folder)
    page = Page(
        title,
        _lead(predictions, whose),
        _sections(predictions, report, store, new_signers=new_signers),
    )
    (folder / PAGE).write_text(page.html(), encoding="utf-8")


def _lead(predictions: ClipPredictions, whose: str) -> str:
    scores = predictions.score("acc", "weighted_f1", "macro_f1")
    return (
        f"{len(predictions):,} clips of {whose}: accuracy "
        f"{scores['acc']:.4f}, weighted F1 {scores['weighted_f1']:.4f}, macro F1 "
        f"{scores['macro_f1']:.4f}."
    )


def _sections(
    predictions: ClipPredictions, report: Report, store: Store, *, new_signers: bool
) -> list[Section]:
    import pandas as pd

    error, calibrated = calibration(predictions).error, calibrated_by_others(predictions)
    over = "the signers" if predictions.signers_known else "the clips"
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
        Section(
            "Calibration",
            f"Expected calibration error (ECE): {error:.3f}, {BINS} bins. The logged model and "
            f"exported files divide logits by a temperature; {fit_temperature(predictions):.2f} "
            f"suits these clips. With half of {over} at the temperature of the other half, the "
            f"error is {calibration(calibrated).error:.3f}.",
            figures=[
                quality_figures.reliability_diagram(
                    {"this run": predictions, "at the others' temperature": calibrated}
                )
            ],
        ),
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
