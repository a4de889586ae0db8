"""The tables and figures of an evaluation, as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LandmarkSet
from gislr.evaluation.figures import score_figures
from gislr.evaluation.figures.confusion_figure import confusion_figure
from gislr.evaluation.figures.data_figures import landmark_box_plots
from gislr.evaluation.metrics import confusion, tables
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.reports.page import png
from gislr.utils.spreadsheet import write_csv

if TYPE_CHECKING:
    import pandas as pd

PER_SIGN, PER_SIGNER, PER_CLIP = "per_sign.csv", "per_signer.csv", "predictions.csv"
CONFUSION_MATRIX, MOST_CONFUSED = "confusion_matrix.csv", "most_confused.csv"
F1_BY_SIGN, CONFUSION_FIGURE = "f1_by_sign.png", "confusion_matrix.png"
LEARNING_CURVES, PAGE = "learning_curves.png", "report.html"


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

        Names of signs are written as they are, except that a spreadsheet calculates none of them
        (`gislr.utils.spreadsheet`): read signs such as `null` or `NA` with
        `pandas.read_csv(..., keep_default_na=False)`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            index = name == CONFUSION_MATRIX
            write_csv(table, folder / name, index=index, float_format="%.6g")
        for name, figure in self.figures.items():
            (folder / name).write_bytes(figure)
