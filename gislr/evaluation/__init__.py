"""Metrics, tables and pictures that say how well a model recognises signs."""

from __future__ import annotations

from gislr.evaluation.figures import (
    confusion_picture,
    f1_by_sign,
    landmark_statistics,
    learning_curves,
)
from gislr.evaluation.metrics import LOWER_IS_BETTER, METRICS, commonest_sign_scores, score
from gislr.evaluation.reports import (
    confusion_matrix,
    most_confused,
    per_sign,
    per_signer,
    predictions,
)
from gislr.evaluation.write import write_landmark_statistics, write_reports

__all__ = [
    "LOWER_IS_BETTER",
    "METRICS",
    "commonest_sign_scores",
    "confusion_matrix",
    "confusion_picture",
    "f1_by_sign",
    "landmark_statistics",
    "learning_curves",
    "most_confused",
    "per_sign",
    "per_signer",
    "predictions",
    "score",
    "write_landmark_statistics",
    "write_reports",
]
