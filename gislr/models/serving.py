"""A trained model in the form in which it is kept: padded clips in, probabilities out."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gislr.batches.packing import Layout
from gislr.landmarks import LANDMARKS_KEPT
from gislr.models.layers import ClipRows
from gislr.models.registry import build_model


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
