"""Metrics, tables and pictures that say how well a model recognizes signs."""

from __future__ import annotations

from gislr.evaluation.figures.score_figures import (
    confusion_picture,
    f1_by_sign,
    landmark_statistics,
    learning_curves,
)
from gislr.evaluation.metrics.scores import LOWER_IS_BETTER, METRICS, commonest_sign_scores, score
from gislr.evaluation.reports.report_files import write_landmark_statistics, write_reports
from gislr.evaluation.reports.tables import (
    confusion_matrix,
    most_confused,
    per_sign,
    per_signer,
    predictions,
)

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
