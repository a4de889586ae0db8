"""Features of single frames: relative to the nose, relative to the wrist, and distances.

All read image coordinates and which of them were found (see `SplitMissing`), and give 0 for what
is missing.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import keras
import numpy as np
from keras import ops

from gislr.data.landmarks import LandmarkSet
from gislr.models.layers import PACKAGE, membership, rows_and_frames

_TIPS = (4, 8, 12, 16, 20)
_LEAST = 1e-3
"""Hands and clips are assumed to be at least this fraction of the image."""
_FACE = (1, 61, 291, 500, 501)
"""The nose, the corners of the mouth and the shoulders."""


@keras.saving.register_keras_serializable(PACKAGE)
class Centering(keras.layers.Layer):
    """Moves each clip to the mean place of one landmark, in standard deviations of the clip.

    Clips without that landmark are centered on the middle of the image.

    Input: float32 and bool [rows, frames, landmarks, axes], int32 segment ids [rows, frames].
    Output: as the first input.

    Args:
        place: Where the landmark stands among those kept.
        segments: The most clips of a row.
    """

    def __init__(self, place: int, segments: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.place, self.segments = place, segments

    def call(self, landmarks: Any, found: Any, segment_ids: Any) -> Any:
        count, axes = landmarks.shape[2:]
        leading = rows_and_frames(landmarks)
        member = membership(segment_ids, self.segments, "float32")

        def of_clip(values: Any) -> Any:
            """Sums over the frames of each clip, for each of its frames."""
            return ops.matmul(ops.transpose(member, (0, 2, 1)), ops.matmul(member, values))

        # A frame without any landmark does not count.
        frames = ops.cast(ops.any(found, axis=(2, 3)), "float32")
        frames = ops.expand_dims(frames, -1)
        found = ops.cast(found, "float32")
        often = of_clip(found[:, :, self.place])
        mean = of_clip(landmarks[:, :, self.place]) / ops.maximum(often, 1.0)
        middle = ops.where(often > 0, mean, 0.5)
        moved = (landmarks - ops.expand_dims(middle, 2)) * found
        squares = ops.sum(ops.square(moved), axis=2) / ops.maximum(ops.sum(found, axis=2), 1.0)
        size = ops.sqrt(of_clip(squares * frames) / ops.maximum(of_clip(frames), 1.0))
        size = ops.reshape(ops.maximum(size, _LEAST), (*leading, 1, axes))
        return ops.reshape(moved / size, (*leading, count, axes))


@keras.saving.register_keras_serializable(PACKAGE)
class WristRelativeHand(keras.layers.Layer):
    """Each hand's landmarks relative to its wrist, divided by the distance of the farthest one.

    Input: float32 and bool [rows, frames, landmarks, axes]. Output: float32 [rows, frames, hands x
    20 x axes], and bool of the same shape: whether landmark and wrist were found.

    Args:
        hands: First place of each hand and the place after its last one.
    """

    def __init__(self, hands: list[list[int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hands = hands

    def call(self, landmarks: Any, found: Any) -> tuple[Any, Any]:
        shapes, masks = [], []
        for start, stop in self.hands:
            hand, known = landmarks[:, :, start:stop], found[:, :, start:stop]
            # The wrist is a hand's first landmark.
            known = ops.logical_and(known, known[:, :, :1])
            shape = ops.where(known, hand - hand[:, :, :1], 0.0)
            reach = ops.sum(ops.square(shape[..., :2]), axis=-1, keepdims=True)
            size = ops.sqrt(ops.maximum(ops.max(reach, axis=2, keepdims=True), _LEAST**2))
            flat = (*rows_and_frames(landmarks), (stop - start - 1) * landmarks.shape[-1])
            shapes.append(ops.reshape((shape / size)[:, :, 1:], flat))
            masks.append(ops.reshape(known[:, :, 1:], flat))
        return ops.concatenate(shapes, axis=-1), ops.concatenate(masks, axis=-1)


@keras.saving.register_keras_serializable(PACKAGE)
class Distances(keras.layers.Layer):
    """Distances in the image between pairs of landmarks, as fractions of its width.

    Input: float32 and bool [rows, frames, landmarks, axes]. Output: float32 and bool [rows, frames,
    pairs]: the distances, and whether both landmarks were found.

    Args:
        pairs: The places of both landmarks of each pair.
    """

    def __init__(self, pairs: list[list[int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pairs = pairs

    def call(self, landmarks: Any, found: Any) -> tuple[Any, Any]:
        first, second = np.array(self.pairs).T
        here, there = (ops.take(landmarks[..., :2], k, axis=2) for k in (first, second))
        seen = ops.all(found[..., :2], axis=-1)
        known = ops.logical_and(ops.take(seen, first, axis=2), ops.take(seen, second, axis=2))
        squares = ops.sum(ops.square(here - there), axis=-1)
        return ops.where(known, ops.sqrt(ops.maximum(squares, _LEAST**2)), 0.0), known


def measured_pairs(kept: LandmarkSet) -> list[list[int]]:
    """Returns the pairs between fingertips of a hand, and from each to what is kept of `_FACE`."""
    places = [kept.place_of(landmark) for landmark in _FACE]
    face = [place for place in places if place is not None]
    pairs = []
    for hand in kept.hands:
        tips = [hand.start + tip for tip in _TIPS]
        pairs += [list(pair) for pair in combinations(tips, 2)]
        pairs += [[tip, place] for tip in tips for place in face]
    return pairs
