"""Features of single frames: relative to the nose, relative to the wrist, and distances.

All read image coordinates and which of them were found (see `SplitMissing`), and give 0 for what
is missing.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from gislr.batches.packing import Layout
from gislr.data.landmarks import LandmarkSet
from gislr.data.preprocessing import PreprocessingSettings
from gislr.models.conv_transformer.conv_layers import TemporalDeltas
from gislr.models.layers import (
    PACKAGE,
    SplitMissing,
    Standardize,
    membership,
    rows_and_frames,
)
from gislr.utils.errors import SettingError

_NOSE = 1
_TIPS = (4, 8, 12, 16, 20)
_WRIST = 0
_LEAST = 1e-3
"""Hands and clips are assumed to be at least this large, in shares of the image."""
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
            wrist = slice(_WRIST, _WRIST + 1)
            known = ops.logical_and(known, known[:, :, wrist])
            shape = ops.where(known, hand - hand[:, :, wrist], 0.0)
            reach = ops.sum(ops.square(shape[..., :2]), axis=-1, keepdims=True)
            size = ops.sqrt(ops.maximum(ops.max(reach, axis=2, keepdims=True), _LEAST**2))
            flat = (*rows_and_frames(landmarks), (stop - start - 1) * landmarks.shape[-1])
            shapes.append(ops.reshape((shape / size)[:, :, 1:], flat))
            masks.append(ops.reshape(known[:, :, 1:], flat))
        return ops.concatenate(shapes, axis=-1), ops.concatenate(masks, axis=-1)


@keras.saving.register_keras_serializable(PACKAGE)
class Distances(keras.layers.Layer):
    """Distances in the image between pairs of landmarks, as shares of its width.

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
        pairs += [[a, b] for k, a in enumerate(tips) for b in tips[k + 1 :]]
        pairs += [[tip, place] for tip in tips for place in face]
    return pairs


def frame_features(
    inputs: dict[str, Any],
    layout: Layout,
    preprocessing: PreprocessingSettings,
    *,
    centering: str,
    wrist_relative_hand: bool,
    distances: bool,
    deltas: int,
) -> Any:
    """Returns the features of each frame, [rows, row frames, features].

    Args:
        inputs: See `gislr.models.layers.row_inputs`.
        layout: The shape of the rows.
        preprocessing: What the frames hold.
        centering: Here as below: `conf/model/conv_transformer.yaml` explains the keys.
        wrist_relative_hand: See there.
        distances: See there.
        deltas: See there.

    Raises:
        SettingError: The landmarks lack the one that clips are centered on.
    """
    kept, whole = preprocessing.landmark_set, {"dtype": "float32"}
    values, found = SplitMissing(name="split_missing", **whole)(inputs["frames"])
    if centering == "nose":
        place = _place_of_nose(preprocessing)
        center = Centering(place, layout.segments, name="centering", **whole)
        landmarks = center(values, found, inputs["segment_ids"])
    else:
        landmarks = Standardize(name="standardize", **whole)(values, found)
    flat = keras.layers.Reshape((-1, math.prod(preprocessing.shape)), **whole)
    collected = [(flat(landmarks), flat(found))]
    if wrist_relative_hand:
        hands = [[hand.start, hand.stop] for hand in kept.hands]
        relative = WristRelativeHand(hands, name="wrist_relative_hand", **whole)
        collected.append(relative(values, found))
    if distances:
        layer = Distances(measured_pairs(kept), name="distances", **whole)
        collected.append(layer(values, found))
    x, known = (ops.concatenate(arrays, axis=-1) for arrays in zip(*collected, strict=True))
    return TemporalDeltas(deltas, name="deltas", **whole)(x, known, inputs["segment_ids"])


def _place_of_nose(preprocessing: PreprocessingSettings) -> int:
    place = preprocessing.landmark_set.place_of(_NOSE)
    if place is None:
        raise SettingError(
            "model.centering=nose needs landmarks that hold the nose; "
            f"preprocessing.landmarks={preprocessing.landmarks} does not. Use preprocessing=whole."
        )
    return place
