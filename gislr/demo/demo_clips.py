"""Clips as the page shows them: landmarks to draw, and the most likely signs over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.clip_files import require_clip
from gislr.evaluation.figures.clip_figures import DRAWN
from gislr.inference import Prediction, Recognizer, check_landmarks, most_likely
from gislr.inference.recognizer import TOP

Float32 = NDArray[np.float32]

MAX_MOMENTS = 120
"""The page shows predictions at this many evenly spaced frames of a longer clip."""
MAX_BYTES = 64 * 2**20


def read_file(path: Path) -> Float32:
    """Reads a clip, float32 [frames, 543, 3].

    Raises:
        DataError: The file is no clip.
    """
    return check_landmarks(require_clip(path, "The clip"))


def describe_clip(recognizer: Recognizer, landmarks: Float32) -> dict[str, Any]:
    """Returns a clip for the page.

    Args:
        recognizer: The model.
        landmarks: float32 [frames, 543, 3].

    Returns:
        `frames`, for each the drawn landmarks as [x, y] or null; `moments`, for each the frame and
        the five most likely signs up to it; and `lines`, for each sign that was ever among those
        its probability at every moment, the highest line first.
    """
    count = len(landmarks)
    ends = np.unique(np.linspace(1, count, min(count, MAX_MOMENTS)).round().astype(int)).tolist()
    found = most_likely(recognizer, [landmarks[:end] for end in ends], len(recognizer.signs))
    rows = [dict(zip(moment.signs, moment.probabilities, strict=True)) for moment in found]
    shown = dict.fromkeys(sign for moment in found for sign in moment.signs[:TOP])
    highest = sorted(shown, key=lambda sign: -max(row[sign] for row in rows))
    return {
        "frames": [
            [None if np.isnan(xy).any() else [round(float(v), 4) for v in xy] for xy in frame]
            for frame in landmarks[:, DRAWN, :2]
        ],
        "moments": [
            {"frame": end - 1, **as_json(moment)} for end, moment in zip(ends, found, strict=True)
        ],
        "lines": [
            {"sign": sign, "probabilities": [round(row[sign], 4) for row in rows]}
            for sign in highest
        ],
    }


def as_json(found: Prediction) -> dict[str, Any]:
    """Returns a prediction for the page: the five most likely signs."""
    return {
        "signs": found.signs[:TOP],
        "probabilities": [round(value, 4) for value in found.probabilities[:TOP]],
        "has_hand": found.has_hand,
        "sure": found.sure,
    }
