"""Features of single frames: landmarks from the nose, hands from the wrist, distances.

All read image coordinates with 0 where nothing was found, and are 0 there themselves.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from gislr.data.landmarks import LandmarkSet
from gislr.models.layers import PACKAGE, rows_and_frames

_TIPS = (4, 8, 12, 16, 20)
_WRIST = 0
_LEAST = 1e-3
"""Hands and clips are taken to be at least this large, in shares of the image."""
_FACE = (1, 61, 291, 500, 501)
"""The nose, the corners of the mouth and the shoulders."""


@keras.saving.register_keras_serializable(PACKAGE)
class Flat(keras.layers.Layer):
    """[rows, frames, landmarks, axes] -> [rows, frames, landmarks x axes]."""

    def call(self, landmarks: Any) -> Any:
        _, _, count, axes = landmarks.shape
        return ops.reshape(landmarks, (*rows_and_frames(landmarks), count * axes))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:2], input_shape[2] * input_shape[3])


@keras.saving.register_keras_serializable(PACKAGE)
class Centre(keras.layers.Layer):
    """Counts each clip from the mean place of one landmark, in standard deviations of the clip.

    Clips that never show the landmark are valid from the middle of the image.

    Input: float32 [rows, frames, landmarks, axes] and int32 segments [rows, frames]. Output: as the
    first input.

    Args:
        place: Where the landmark stands among those kept.
        segments: The most clips of a row.
    """

    def __init__(self, place: int, segments: int, **options: Any) -> None:
        super().__init__(**options)
        self.place, self.segments = place, segments

    def call(self, landmarks: Any, segment_ids: Any) -> Any:
        count, axes = landmarks.shape[2:]
        leading = rows_and_frames(landmarks)
        numbers = ops.reshape(ops.arange(1, self.segments + 1, dtype="int32"), (1, -1, 1))
        member = ops.cast(ops.expand_dims(segment_ids, 1) == numbers, "float32")

        def of_clip(values: Any) -> Any:
            """Sums over the frames of each clip, for each of its frames."""
            return ops.matmul(ops.transpose(member, (0, 2, 1)), ops.matmul(member, values))

        found = ops.cast(landmarks != 0, "float32")
        here, seen = landmarks[:, :, self.place], found[:, :, self.place]
        often = of_clip(seen)
        middle = ops.where(often > 0, of_clip(here) / ops.maximum(often, 1.0), 0.5)
        moved = (landmarks - ops.expand_dims(middle, 2)) * found
        squares = ops.sum(ops.square(moved), axis=2) / ops.maximum(ops.sum(found, axis=2), 1.0)
        frames = ops.cast(ops.any(landmarks != 0, axis=(2, 3)), "float32")
        frames = ops.expand_dims(frames, -1)
        size = ops.sqrt(of_clip(squares * frames) / ops.maximum(of_clip(frames), 1.0))
        size = ops.reshape(ops.maximum(size, _LEAST), (*leading, 1, axes))
        return ops.reshape(moved / size, (*leading, count, axes))

    def compute_output_shape(self, landmarks_shape: Any, segment_ids_shape: Any) -> Any:
        return landmarks_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "place": self.place, "segments": self.segments}


@keras.saving.register_keras_serializable(PACKAGE)
class HandShape(keras.layers.Layer):
    """Each hand's landmarks valid from its wrist, in hand sizes: to the farthest one.

    Input: float32 [rows, frames, landmarks, axes]. Output: float32 [rows, frames, hands x 20 x
    axes].

    Args:
        hands: First place of each hand and the place after its last one.
    """

    def __init__(self, hands: list[list[int]], **options: Any) -> None:
        super().__init__(**options)
        self.hands = hands

    def call(self, landmarks: Any) -> Any:
        leading = rows_and_frames(landmarks)
        shapes = []
        for start, stop in self.hands:
            hand = landmarks[:, :, start:stop]
            wrist = hand[:, :, _WRIST : _WRIST + 1]
            known = ops.logical_and(hand != 0, wrist != 0)
            shape = ops.where(known, hand - wrist, 0.0)
            reach = ops.sum(ops.square(shape[..., :2]), axis=-1, keepdims=True)
            size = ops.sqrt(ops.maximum(ops.max(reach, axis=2, keepdims=True), _LEAST**2))
            shape = shape / size
            width = (stop - start - 1) * landmarks.shape[-1]
            shapes.append(ops.reshape(shape[:, :, 1:], (*leading, width)))
        return ops.concatenate(shapes, axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        width = sum(stop - start - 1 for start, stop in self.hands) * input_shape[-1]
        return (*input_shape[:2], width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "hands": self.hands}


@keras.saving.register_keras_serializable(PACKAGE)
class Distances(keras.layers.Layer):
    """Distances in the image between pairs of landmarks, as shares of its width.

    Input: float32 [rows, frames, landmarks, axes]. Output: float32 [rows, frames, pairs].

    Args:
        pairs: The places of both landmarks of each pair.
    """

    def __init__(self, pairs: list[list[int]], **options: Any) -> None:
        super().__init__(**options)
        self.pairs = pairs

    def call(self, landmarks: Any) -> Any:
        first, second = np.array(self.pairs).T
        here = ops.take(landmarks[..., :2], first, axis=2)
        there = ops.take(landmarks[..., :2], second, axis=2)
        known = ops.logical_and(ops.all(here != 0, axis=-1), ops.all(there != 0, axis=-1))
        squares = ops.sum(ops.square(here - there), axis=-1)
        return ops.where(known, ops.sqrt(ops.maximum(squares, _LEAST**2)), 0.0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:2], len(self.pairs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pairs": self.pairs}


def measured_pairs(kept: LandmarkSet) -> list[list[int]]:
    """Returns the pairs between fingertips of a hand, and from each to what is kept of `_FACE`."""
    places = [kept.place_of(landmark) for landmark in _FACE]
    face = [place for place in places if place is not None]
    pairs = []
    for hand in kept.hands:
        tips = [hand.start + tip for tip in _TIPS]
        pairs += [[a, b] for k, a in enumerate(tips) for b in tips[k + 1 :]]
        pairs += [[tip, place] for tip in tips for place in face]
    return pairs
