"""Writes the tables and pictures of an evaluation into a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import DOMINANT_HAND, LandmarkSet
from gislr.evaluation.figures import score_figures as figures
from gislr.evaluation.metrics.scores import Float32, Labels
from gislr.evaluation.reports import tables as reports

if TYPE_CHECKING:
    import pandas as pd

PER_SIGN = "per_sign.csv"
F1_BY_SIGN = "f1_by_sign.png"
PER_SIGNER = "per_signer.csv"
CONFUSION_MATRIX = "confusion_matrix.csv"
CONFUSION_PICTURE = "confusion_matrix.png"
MOST_CONFUSED = "most_confused.csv"
PREDICTIONS = "predictions.csv"
LEARNING_CURVES = "learning_curves.png"


def write_reports(
    folder: Path,
    *,
    labels: Labels,
    probabilities: Float32,
    signers: NDArray[np.str_],
    signs: Sequence[str],
    clips: Sequence[str],
    history: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Writes every table as CSV (UTF-8) and every picture as PNG, over those of the same name.

    Names of signs are written as they are; a sign called `null` or `NA` is read again by
    `pandas.read_csv(..., keep_default_na=False)`.

    Args:
        folder: Where to write; made when it is not there.
        labels: int32 [clips], the true signs.
        probabilities: float32 [clips, signs].
        signers: str [clips].
        signs: The name of each label.
        clips: The path of each clip.
        history: A value an epoch for each metric; None leaves `learning_curves.png` out.

    Raises:
        GislrError: The arrays do not fit together.
    """
    per_sign = reports.per_sign(labels, probabilities, signs)
    matrix = reports.confusion_matrix(labels, probabilities, signs)
    pairs = reports.most_confused(matrix)
    predictions = reports.predictions(labels, probabilities, signers, signs, clips)
    folder.mkdir(parents=True, exist_ok=True)
    _write_table(per_sign, folder / PER_SIGN)
    _write_table(reports.per_signer(labels, probabilities, signers), folder / PER_SIGNER)
    _write_table(matrix, folder / CONFUSION_MATRIX, index=True)
    _write_table(pairs, folder / MOST_CONFUSED)
    _write_table(predictions, folder / PREDICTIONS)
    figures.f1_by_sign(per_sign).savefig(folder / F1_BY_SIGN)
    figures.confusion_picture(matrix, pairs).savefig(folder / CONFUSION_PICTURE)
    if history is not None:
        figures.learning_curves(history).savefig(folder / LEARNING_CURVES)


def write_landmark_statistics(
    folder: Path,
    frames: NDArray[np.float32],
    landmarks: LandmarkSet = DOMINANT_HAND,
    seed: int = 0,
) -> None:
    """Writes a picture a part: landmarks_lips.png, landmarks_hand.png, landmarks_pose.png.

    Args:
        folder: Where to write; made when it is not there.
        frames: float32 [frames, landmarks, 2 or 3].
        landmarks: What the landmarks are.
        seed: Decides which frames are drawn where there are many.

    Raises:
        GislrError: There is no frame, or the shape is another.
    """
    pictures = figures.landmark_statistics(frames, landmarks, seed)
    folder.mkdir(parents=True, exist_ok=True)
    for part, picture in pictures.items():
        picture.savefig(folder / f"landmarks_{part}.png")


def _write_table(table: pd.DataFrame, path: Path, *, index: bool = False) -> None:
    table.to_csv(path, index=index, lineterminator="\n", encoding="utf-8", float_format="%.6g")
