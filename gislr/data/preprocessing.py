"""The reference preprocessing: raw landmarks of a clip to the frames that a model reads.

Source: Wijkhuizen's "GISLR TF Data Processing & Transformer Training" notebook, as rebuilt in the
2023 report. Faults of the reference that are kept because published numbers rest on them: a clip
of exactly `frames` kept frames is blurred by the resize. Faults that are fixed: a clip of more
than `frames ** 2` raw frames no longer crashes, and a clip without any hand is `None` instead of
padding alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from gislr.data.landmarks import LANDMARKS, LANDMARKS_PER_FRAME, LandmarkSet
from gislr.utils.errors import DataError
from gislr.utils.settings import Settings

Float32 = NDArray[np.float32]

MIN_FRAMES, MAX_FRAMES = 2, 4096
"""The least and the most that `preprocessing.frames` may be."""

OFTEN_FOUND = 0.5
"""Hands are compared by motion where one is detected at least this often as the other."""


class PreprocessingSettings(Settings):
    """How raw clips become frames; the values stand in `conf/preprocessing/`.

    Attributes:
        name: `reference` keeps the frames with the dominant hand, `whole` all of a clip in which
            it is detected.
        frames: The most frames a clip keeps; longer ones are averaged down to it.
        landmarks: A name of `gislr.data.landmarks.LANDMARKS`.
        dominant_hand: Which hand is the dominant one: `detections` for the one that is detected
            more often, as in the reference; `motion` for the one that moves more, where both are
            detected often.
        axes: `xy`, or `xyz` for MediaPipe's depth too.
    """

    name: Literal["reference", "whole"]
    frames: Annotated[int, Field(ge=MIN_FRAMES, le=MAX_FRAMES)]
    landmarks: str
    dominant_hand: Literal["detections", "motion"]
    axes: Literal["xy", "xyz"]

    @field_validator("landmarks")
    @classmethod
    def _registered(cls, name: str) -> str:
        LANDMARKS[name]
        return name

    @property
    def landmark_set(self) -> LandmarkSet:
        """The landmarks that are kept."""
        return LANDMARKS[self.landmarks]

    @property
    def shape(self) -> tuple[int, int]:
        """Landmarks and axes of a frame that a model reads."""
        return len(self.landmark_set), len(self.axes)


def reference(frames: int) -> PreprocessingSettings:
    """Returns the reference's settings for clips of some frames."""
    return PreprocessingSettings(
        name="reference",
        frames=frames,
        landmarks="dominant_hand",
        dominant_hand="detections",
        axes="xy",
    )


PADDING_INDEX = -1.0
"""The frame index of a padded position."""


@dataclass(frozen=True)
class PreparedClip:
    """The real frames of one clip.

    Attributes:
        frames: float32 [frames, landmarks, 3], image coordinates; NaN for missing landmarks.
        frame_index: float32 [frames], position in the raw clip, counted from the first kept frame.
        left_dominant: Whether the left hand is the one that was read.
    """

    frames: Float32
    frame_index: Float32
    left_dominant: bool


def preprocess(landmarks: Float32, settings: PreprocessingSettings) -> PreparedClip | None:
    """Keeps frames and landmarks, mirrors right-handed clips, shortens long ones.

    Args:
        landmarks: float32 [raw frames, 543, 3] with NaN where nothing was found.
        settings: Which frames and landmarks.

    Returns:
        The prepared clip, or `None` when no hand was found in any frame.

    Raises:
        DataError: `landmarks` has another shape.
    """
    if landmarks.ndim != 3 or landmarks.shape[1:] != (LANDMARKS_PER_FRAME, 3):
        raise DataError(
            f"Landmarks must have the shape [frames, {LANDMARKS_PER_FRAME}, 3]; got "
            f"{list(landmarks.shape)}. Pass every landmark of MediaPipe Holistic, in its order."
        )
    return preprocess_read(landmarks[:, settings.landmark_set.read], settings)


def preprocess_read(read: Float32, settings: PreprocessingSettings) -> PreparedClip | None:
    """Does what `preprocess` does, given only the rows that it reads.

    Args:
        read: float32 [raw frames, rows, 3], the rows `LandmarkSet.read`.
        settings: Which frames and landmarks.
    """
    kinds, frames = settings.landmark_set, settings.frames
    found = {
        side: ~np.isnan(read.take(hand, axis=1)).reshape(len(read), -1)
        for side, hand in kinds.hand_places.items()
    }
    often = {side: np.count_nonzero(values) for side, values in found.items()}
    # A tie is left.
    left_dominant = bool(often["left"] >= often["right"])
    if (
        settings.dominant_hand == "motion"
        and min(often.values()) >= OFTEN_FOUND * max(often.values()) > 0
    ):
        left, right = (_path(read[:, hand[0], :2]) for hand in kinds.hand_places.values())
        left_dominant = left >= right
    side = "left" if left_dominant else "right"
    kept = np.flatnonzero(found[side].any(axis=1))
    if not len(kept):
        return None
    if settings.name == "whole":
        kept = np.arange(len(read))
    chosen = read[kept].take(kinds.dominant_places[side], axis=1)
    if not left_dominant:
        chosen[:, kinds.is_mirrored, 0] = 1 - chosen[:, kinds.is_mirrored, 0]
    index = (kept - kept[0]).astype(np.float32)
    if len(kept) >= frames:
        windows = resize_windows(len(kept), len(read), frames)
        index = (windows @ index / windows.sum(axis=1)).astype(np.float32)
        chosen = average_windows(windows, chosen)
    return PreparedClip(chosen, index, left_dominant)


def _path(wrist: Float32) -> float:
    """Returns how far a point moves from frame to frame, as a fraction of the image.

    Args:
        wrist: float32 [frames, 2], NaN where it was not found.
    """
    return float(np.nansum(np.sqrt(np.square(np.diff(wrist, axis=0)).sum(axis=1))))


def resize_windows(kept: int, raw: int, frames: int) -> NDArray[np.float64]:
    """Returns how often each kept frame counts in each averaged frame, float64 [frames, kept].

    The reference repeats every frame, repeats the first and last ones further at the edges, cuts
    the result into `frames` windows of equal length and averages each. Counting instead of
    repeating gives the same mean for a fraction of the memory.

    Args:
        kept: Number of frames kept, at least `frames`.
        raw: Number of frames of the raw clip, which decides how often frames are repeated.
        frames: Number of windows.
    """
    repeats = max(1, frames**2 // raw)
    length = kept * repeats
    window = -(-length // frames)
    left = (window * frames - length) // 2 + frames // 2
    position = np.arange(frames * (window + 1)) - left
    source = np.clip(position // repeats, 0, kept - 1)
    windows = np.zeros((frames, kept))
    np.add.at(windows, (np.arange(len(source)) // (window + 1), source), 1.0)
    return windows


def average_windows(windows: NDArray[np.float64], values: Float32) -> Float32:
    """Averages what was found in each window; NaN where a window found nothing.

    Args:
        windows: float64 [frames, kept], see `resize_windows`.
        values: float32 [kept, landmarks, axes] with NaN where nothing was found.
    """
    flat = values.reshape(len(values), -1)
    found = ~np.isnan(flat)
    count = windows @ found
    total = windows @ np.where(found, flat, 0.0).astype(np.float64)
    with np.errstate(invalid="ignore"):
        mean = total / count
    return mean.astype(np.float32).reshape(len(windows), *values.shape[1:])


def pad(clip: PreparedClip | None, settings: PreprocessingSettings) -> tuple[Float32, Float32]:
    """Pads a clip at its end to the most frames.

    Args:
        clip: What `preprocess` returned; `None` becomes a clip of padding.
        settings: How it was preprocessed.

    Returns:
        float32 [frames, landmarks, 3] padded with NaN and float32 [frames] padded with -1.
    """
    frames = np.full((settings.frames, len(settings.landmark_set), 3), np.nan, np.float32)
    index = np.full(settings.frames, PADDING_INDEX, np.float32)
    if clip is not None:
        frames[: len(clip.frames)], index[: len(clip.frames)] = clip.frames, clip.frame_index
    return frames, index
