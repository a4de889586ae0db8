"""What every recognizer offers, and what it accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LANDMARKS_PER_FRAME, LEFT_HAND, RIGHT_HAND
from gislr.data.raw_clips import MOST_FRAMES
from gislr.utils.errors import DataError

Float32 = NDArray[np.float32]

TOP = 5
_HANDS = np.concatenate([LEFT_HAND, RIGHT_HAND])


class Recognizer(Protocol):
    """Gives the probability of every sign for raw clips.

    Attributes:
        signs: The glosses, in the order of the probabilities.
        rejection_threshold: Predictions of a lower probability are not sure; 0 for none.
    """

    signs: list[str]
    rejection_threshold: float

    def probabilities(self, clips: Sequence[Float32]) -> Float32:
        """Returns float32 [clips, signs].

        Args:
            clips: float32 [frames, 543, 3] each, NaN where nothing was found. A clip without a
                hand is no sign in particular; its probabilities are finite all the same.

        Raises:
            DataError: A clip has another shape.
        """


@dataclass(frozen=True)
class Prediction:
    """The most likely signs of a clip.

    Attributes:
        signs: The most likely sign first.
        probabilities: Of each of them.
        has_hand: Whether a hand was found in any frame; without one the signs mean nothing.
        sure: Whether a hand was found and the first sign's probability reaches the recognizer's
            threshold; otherwise it may be none of its signs.
    """

    signs: list[str]
    probabilities: list[float]
    has_hand: bool
    sure: bool


def most_likely(
    recognizer: Recognizer, clips: Sequence[Float32], count: int = TOP
) -> list[Prediction]:
    """Returns the most likely signs of each clip.

    Args:
        recognizer: Any.
        clips: float32 [frames, 543, 3] each.
        count: How many signs.

    Example:
        >>> import numpy as np
        >>> class Fixed:
        ...     signs, rejection_threshold = ["bee", "cow", "dog"], 0.5
        ...     def probabilities(self, clips):
        ...         return np.array([[0.2, 0.7, 0.1]] * len(clips), np.float32)
        >>> [found] = most_likely(Fixed(), [np.zeros((9, 543, 3), np.float32)], count=2)
        >>> found.signs, found.has_hand, found.sure
        (['cow', 'bee'], True, True)
    """
    found = []
    for clip, row in zip(clips, recognizer.probabilities(clips), strict=True):
        best = np.argsort(-row, kind="stable")[:count]
        has_hand = bool(np.isfinite(clip[:, _HANDS]).any())
        found.append(
            Prediction(
                signs=[recognizer.signs[label] for label in best],
                probabilities=[float(row[label]) for label in best],
                has_hand=has_hand,
                sure=has_hand and bool(row[best[0]] >= recognizer.rejection_threshold),
            )
        )
    return found


def check_landmarks(landmarks: Any) -> Float32:
    """Returns landmarks from elsewhere as float32 [frames, 543, 3].

    Args:
        landmarks: An array or nested lists; `None` or NaN where nothing was found.

    Raises:
        DataError: They have another shape or type, are too many, infinite, or all missing.

    Example:
        >>> check_landmarks([[[0.5, None, 0.1]] * 543]).shape
        (1, 543, 3)
    """
    wanted = f"Landmarks must be numbers in the shape [frames, {LANDMARKS_PER_FRAME}, 3]"
    try:
        found = np.asarray(landmarks)
        if found.dtype == object:
            found = found.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{wanted}; got something else.") from None
    if not np.issubdtype(found.dtype, np.floating):
        raise DataError(
            f"{wanted}; got {found.dtype}. Pass MediaPipe's coordinates, from 0 to 1 in the image, "
            "as float32."
        )
    if found.ndim != 3 or found.shape[1:] != (LANDMARKS_PER_FRAME, 3):
        raise DataError(
            f"{wanted}; got {list(found.shape)}. Pass every landmark of MediaPipe Holistic, in its "
            "order."
        )
    if not 1 <= len(found) <= MOST_FRAMES:
        raise DataError(
            f"A clip must have 1 to {MOST_FRAMES:,} frames; got {len(found):,}. Cut it into signs."
        )
    with np.errstate(over="ignore"):
        found = found.astype(np.float32)
    if np.isinf(found).any():
        raise DataError("Landmarks must be finite, or NaN where nothing was found; got infinity.")
    if np.isnan(found).all():
        raise DataError("A clip must hold landmarks; every one of this clip is missing.")
    return found
