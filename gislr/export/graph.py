"""Preprocessing and models as one graph, from raw landmarks to probabilities.

Frames are chosen and averaged by a matrix: the weight of each raw frame in each frame that the
model reads. Shapes therefore depend on the number of raw frames alone, which runtimes know before
they compute, and built-in operators suffice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from gislr.batches.packing import Layout, positions
from gislr.data.preprocessing import OFTEN_FOUND, PreprocessingSettings
from gislr.models.families import layout_of
from gislr.models.serving import TrainedModel, average

_FAR = 1e9


def raw_graph(models: Sequence[TrainedModel]) -> Callable[..., Any]:
    """Returns a function from raw landmarks to probabilities, its weights constants.

    Args:
        models: One model, or several of the same signs and preprocessing, which are averaged.

    Returns:
        A function of `keras.ops` from float32 [raw frames, 543, 3] with NaN, and optionally how
        many of them belong to the clip, to float32 [signs].
    """
    cores = []
    for trained in models:
        core = trained.copy(
            Layout(trained.preprocessing.frames, segments=1, packed=False, single=True)
        )
        variables = core.trainable_variables, core.non_trainable_variables
        cores.append((core, [[np.asarray(v) for v in values] for values in variables]))
    preprocessing = models[0].preprocessing
    layouts = [layout_of(trained.settings, preprocessing.frames) for trained in models]

    def recognize(raw: Any, length: Any = None) -> Any:
        rows = {
            layout: read_raw(raw, preprocessing, layout, length)
            for layout in dict.fromkeys(layouts)
        }
        found = []
        for trained, layout, (core, weights) in zip(models, layouts, cores, strict=True):
            constants = [[ops.convert_to_tensor(v) for v in values] for values in weights]
            logits, _ = core.stateless_call(*constants, rows[layout], training=False)
            found.append(trained.probabilities(logits, clips=1))
        return ops.reshape(average(found), (-1,))

    return recognize


def read_raw(
    raw: Any, settings: PreprocessingSettings, layout: Layout, length: Any = None
) -> dict[str, Any]:
    """Does what `preprocess` and `ClipRows` do.

    Args:
        raw: float32 [raw frames, 543, 3] with NaN.
        settings: Which frames and landmarks are kept.
        layout: The rows that the model was trained on. Where they are not packed, short clips are
            padded to the most frames; otherwise to the number of raw frames.
        length: How many frames belong to the clip, the rest being padding; `None` for all.

    Returns:
        One row of what a model of `gislr.models` reads.
    """
    kinds, most_frames = settings.landmark_set, settings.frames
    count, axes = settings.shape
    read = ops.take(raw, kinds.read, axis=1)
    missing = ops.isnan(read)
    ones = ops.cast(missing[:, 0, 0], "float32") * 0 + 1
    number = ops.cumsum(ones) - 1
    length = ops.sum(ones) if length is None else ops.cast(length, "float32")
    in_clip = ops.cast(number < length, "float32")
    found = ops.cast(ops.logical_not(missing), "float32") * ops.reshape(in_clip, (-1, 1, 1))
    values = ops.where(missing, 0.0, read)
    hands = {side: ops.take(found, places, axis=1) for side, places in kinds.hand_places.items()}
    is_left = _left_is_dominant(hands, values, settings)
    hand = ops.where(is_left, *(ops.max(hands[side], axis=(1, 2)) for side in ("left", "right")))
    kept = hand if settings.name == "reference" else in_clip * ops.max(hand)
    place = np.arange(most_frames, dtype=np.float32) if not layout.packed else number[:most_frames]
    counts = _counts(kept, length, ops.convert_to_tensor(place), most_frames)

    total = ops.sum(counts, axis=1)
    valid = total > 0
    first = ops.min(ops.where(kept > 0, number, _FAR))
    index = ops.matmul(counts, ops.reshape(number - first, (-1, 1)))
    index = ops.reshape(index, (-1,)) / ops.maximum(total, 1.0)
    last = ops.max(ops.where(valid, index, 0.0))
    position = positions(index, last, most_frames, layout.last_frame_position, arrays=ops)

    flat = len(kinds.read) * 3
    often = ops.matmul(counts, ops.reshape(found, (-1, flat)))
    mean = ops.matmul(counts, ops.reshape(values, (-1, flat))) / ops.maximum(often, 1.0)
    often, mean = (ops.reshape(x, (-1, len(kinds.read), 3))[..., :axes] for x in (often, mean))

    def of_dominant(x: Any) -> tuple[Any, Any]:
        return tuple(ops.take(x, places, axis=1) for places in kinds.dominant_places.values())

    mirrored = np.zeros((1, count, axes), bool)
    mirrored[:, kinds.is_mirrored, 0] = True
    left, right = of_dominant(mean)
    frames = ops.where(is_left, left, ops.where(mirrored, 1 - right, right))
    # NaN comes last: ONNX computes `where` by multiplication, which would spread it.
    frames = ops.where(ops.where(is_left, *of_dominant(often)) > 0, frames, np.nan)
    return {
        "frames": ops.reshape(frames, (1, -1, count, axes)),
        "position": _row(ops.where(valid, ops.cast(position, "int32"), most_frames)),
        "segment_ids": _row(ops.cast(valid, "int32")),
    }


def _left_is_dominant(hands: dict[str, Any], values: Any, settings: PreprocessingSettings) -> Any:
    left, right = (ops.sum(hand) for hand in hands.values())
    more_often = left >= right
    if settings.dominant_hand == "detections":
        return more_often

    def path(side: str) -> Any:
        place = int(settings.landmark_set.hand_places[side][0])
        wrist, found = values[:, place, :2], hands[side][:, 0, :2]
        before, known = (ops.concatenate([x[:1], x[:-1]], axis=0) for x in (wrist, found))
        squares = ops.sum(ops.square(wrist - before) * found * known, axis=-1)
        return ops.sum(ops.sqrt(squares))

    fewer, most = ops.minimum(left, right), ops.maximum(left, right)
    both = ops.logical_and(fewer >= OFTEN_FOUND * most, most > 0)
    return ops.where(both, path("left") >= path("right"), more_often)


def _counts(kept: Any, length: Any, place: Any, most_frames: int) -> Any:
    """Returns how often each raw frame counts in each frame read, float32 [places, raw frames].

    `gislr.data.preprocessing.resize_windows` counts by listing; here each window and each repeated
    frame is an interval, and a count is how far they overlap.
    """
    rank = ops.cumsum(kept) - 1
    frames = ops.sum(kept)
    repeats = ops.maximum(1.0, ops.floor(most_frames**2 / length))
    repeated = frames * repeats
    window = ops.ceil(repeated / most_frames)
    before = ops.floor((window * most_frames - repeated) / 2) + most_frames // 2
    starts = _column(place * (window + 1) - before)
    # The first and the last frame are repeated further, as far as windows reach.
    begin = _row(ops.where(rank == 0, -_FAR, rank * repeats))
    end = _row(ops.where(rank == frames - 1, _FAR, (rank + 1) * repeats))
    overlap = ops.minimum(starts + window + 1, end) - ops.maximum(starts, begin)
    same = ops.cast(_column(place) == _row(rank), "float32")
    return ops.where(frames >= most_frames, ops.maximum(overlap, 0.0), same) * _row(kept)


def _column(values: Any) -> Any:
    return ops.reshape(values, (-1, 1))


def _row(values: Any) -> Any:
    return ops.reshape(values, (1, -1))
