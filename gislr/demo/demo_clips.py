"""What the page shows of a clip: landmarks to draw, and the most_likely signs as they change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.raw_clips import require_clip
from gislr.evaluation.figures.clip_figures import lines
from gislr.inference import Prediction, Recognizer, check_landmarks, most_likely
from gislr.inference.recognizer import TOP

Float32 = NDArray[np.float32]

MOST_MOMENTS = 120
"""Of a clip; longer ones are asked about at evenly spaced frames."""
MOST_BYTES = 64 * 2**20

DRAWN = np.unique(np.concatenate([chain for part in lines().values() for chain in part]))
"""Rows of a frame that are drawn."""


def drawing() -> dict[str, Any]:
    """Returns what is drawn: rows of a frame, and chains of places among them by part."""
    return {
        "rows": DRAWN.tolist(),
        "chains": {
            part: [np.searchsorted(DRAWN, chain).tolist() for chain in chains]
            for part, chains in lines().items()
        },
    }


def read_file(path: Path) -> Float32:
    """Reads a clip.

    Raises:
        DataError: It is none.
    """
    return check_landmarks(require_clip(path, "The clip"))


def described(recognizer: Recognizer, landmarks: Float32) -> dict[str, Any]:
    """Returns a clip for the page.

    Args:
        recognizer: Any.
        landmarks: float32 [frames, 543, 3].

    Returns:
        `frames`, for each the drawn landmarks as [x, y] or null; `moments`, for each the frame and
        the five most_likely signs of what has been seen until then; and `lines`, for each sign that
        was ever among them its probability at every moment, the highest line first.
    """
    count = len(landmarks)
    ends = np.unique(np.linspace(1, count, min(count, MOST_MOMENTS)).round().astype(int)).tolist()
    found = most_likely(recognizer, [landmarks[:end] for end in ends], len(recognizer.signs))
    highest: dict[str, float] = {}
    for moment in found:
        for sign, value in zip(moment.signs[:TOP], moment.probabilities, strict=False):
            highest[sign] = max(value, highest.get(sign, 0.0))
    rows = [dict(zip(moment.signs, moment.probabilities, strict=True)) for moment in found]
    return {
        "frames": [_points(frame) for frame in landmarks[:, DRAWN, :2]],
        "moments": [
            {"frame": end - 1, **as_json(moment)} for end, moment in zip(ends, found, strict=True)
        ],
        "lines": [
            {"sign": sign, "probabilities": [round(row[sign], 4) for row in rows]}
            for sign in sorted(highest, key=lambda sign: -highest[sign])
        ],
    }


def as_json(found: Prediction) -> dict[str, Any]:
    """Returns a prediction for the page: the five most_likely signs."""
    return {
        "signs": found.signs[:TOP],
        "probabilities": [round(value, 4) for value in found.probabilities[:TOP]],
        "has_hand": found.has_hand,
    }


def _points(frame: Float32) -> Sequence[list[float] | None]:
    return [
        None if np.isnan(point).any() else [round(float(value), 4) for value in point]
        for point in frame
    ]
