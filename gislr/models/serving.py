"""A trained model in the form in which it is kept: padded clips in, probabilities out."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gislr.batches.packing import Layout
from gislr.landmarks import LANDMARKS_KEPT
from gislr.models.registry import build_model


@keras.saving.register_keras_serializable("gislr")
class ClipRows(keras.layers.Layer):
    """Turns padded clips into rows of one clip each: x and y, positions, slots.

    Input: float32 [clips, frames, 66, 3] and the frame index [clips, frames], -1 where padded.
    Output: what a model of `gislr.models` reads.
    """

    def call(self, frames: Any, frame_index: Any) -> dict[str, Any]:
        most_frames = frame_index.shape[1]
        counted = frame_index >= 0
        last = ops.maximum(ops.max(frame_index, axis=1, keepdims=True), 1.0)
        position = ops.cast(frame_index / last * most_frames, "int32")
        return {
            "frames": frames[..., :2],
            "position": ops.where(counted, position, most_frames),
            "slot": ops.cast(counted, "int32"),
        }

    def compute_output_spec(self, frames: Any, frame_index: Any) -> dict[str, Any]:
        shape = frame_index.shape
        return {
            "frames": keras.KerasTensor((*frames.shape[:-1], 2), "float32"),
            "position": keras.KerasTensor(shape, "int32"),
            "slot": keras.KerasTensor(shape, "int32"),
        }


def serving_model(model: Any, settings: Any, *, signs: int, most_frames: int) -> Any:
    """Returns a float32 copy of a trained model that reads the report's padded arrays.

    Args:
        model: The trained model.
        settings: The settings that it was built with.
        signs: Number of signs.
        most_frames: The most frames of a clip.

    Returns:
        A `keras.Model` from `frames` float32 [clips, frames, 66, 3] and `frame_index` float32
        [clips, frames] (-1 where padded) to probabilities float32 [clips, signs].
    """
    layout = Layout(most_frames, slots=1, packed=False)
    core = build_model(
        settings, signs=signs, layout=layout, most_frames=most_frames, precision="float32"
    )
    core.set_weights(model.get_weights())
    frames = keras.Input((most_frames, LANDMARKS_KEPT, 3), name="frames")
    frame_index = keras.Input((most_frames,), name="frame_index")
    logits = core(ClipRows(name="rows")(frames, frame_index))
    probabilities = ops.softmax(ops.reshape(logits, (-1, signs)))
    return keras.Model(
        {"frames": frames, "frame_index": frame_index}, probabilities, name=settings.name
    )
