"""The logged form of trained models: padded clips in, probabilities out.

Importing this module registers every layer of a family, so that Keras can load what was saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

import gislr.models.attention
import gislr.models.conv_transformer.conv_layers
import gislr.models.conv_transformer.frame_features
import gislr.models.embeddings  # noqa: F401
from gislr.batches.packing import OWN, Layout, positions
from gislr.data.preprocessing import PreprocessingSettings
from gislr.models.families import Family, build_model
from gislr.models.layers import PACKAGE


@dataclass(frozen=True)
class TrainedModel:
    """A trained model and what is needed to build a copy.

    Attributes:
        model: The Keras model, of any layout and precision.
        settings: What it was built with.
        signs: The glosses, in the order of its logits.
        preprocessing: How raw clips become what it reads.
        temperature: Its logits are divided by it, so that its probabilities can be trusted.
        rejection_threshold: The probability below which its predictions are called "not sure".
    """

    model: Any
    settings: Family
    signs: list[str]
    preprocessing: PreprocessingSettings
    temperature: float = 1.0
    rejection_threshold: float = 0.0

    def copy(self, layout: Layout) -> Any:
        """Returns a float32 copy for another layout of rows."""
        copied = build_model(
            self.settings,
            signs=len(self.signs),
            layout=layout,
            preprocessing=self.preprocessing,
            precision="float32",
        )
        copied.set_weights(self.model.get_weights())
        return copied

    def probabilities(self, logits: Any, clips: int) -> Any:
        """Returns the probabilities of logits, float32 [clips, signs]."""
        shaped = ops.reshape(logits, (clips, len(self.signs)))
        return ops.softmax(shaped / self.temperature)


@keras.saving.register_keras_serializable(PACKAGE)
class ClipRows(keras.layers.Layer):
    """Turns padded clips into rows of one clip each: coordinates, positions, segments.

    Input: float32 [clips, frames, landmarks, 3], NaN where missing, and the frame index [clips,
    frames], -1 where padded. Output: what a model of `gislr.models` reads.

    Args:
        axes: How many of x, y and z a model reads.
        last_frame_position: See `gislr.batches.packing.positions`.
    """

    def __init__(self, axes: int = 2, last_frame_position: str = OWN, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axes, self.last_frame_position = axes, last_frame_position

    def call(self, frames: Any, frame_index: Any) -> dict[str, Any]:
        most_frames = frame_index.shape[1]
        valid = frame_index >= 0
        last = ops.max(frame_index, axis=1, keepdims=True)
        position = positions(frame_index, last, most_frames, self.last_frame_position, arrays=ops)
        return {
            "frames": frames[..., : self.axes],
            "position": ops.where(valid, ops.cast(position, "int32"), most_frames),
            "segment_ids": ops.cast(valid, "int32"),
        }


def serving_model(models: Sequence[TrainedModel]) -> Any:
    """Returns one model that reads the report's padded arrays.

    Args:
        models: One model, or several of the same signs and preprocessing, which are averaged.

    Returns:
        A float32 `keras.Model` from `frames` float32 [clips, frames, landmarks, 3] (NaN where
        missing) and `frame_index` float32 [clips, frames] (-1 where padded) to probabilities
        float32 [clips, signs].
    """
    preprocessing = models[0].preprocessing
    most_frames, (landmarks, axes) = preprocessing.frames, preprocessing.shape
    layout = Layout(most_frames, segments=1, packed=False)
    frames = keras.Input((most_frames, landmarks, 3), name="frames")
    frame_index = keras.Input((most_frames,), name="frame_index")
    found = []
    for k, trained in enumerate(models):
        copied = trained.copy(layout)
        rows = ClipRows(axes, trained.settings.last_frame_position, name=f"rows_{k}")
        # Models of one name cannot be saved together.
        named = keras.Model(copied.input, copied.output, name=f"{copied.name}_{k}")
        found.append(trained.probabilities(named(rows(frames, frame_index)), clips=-1))
    return keras.Model(
        {"frames": frames, "frame_index": frame_index},
        average(found),
        name=models[0].settings.name,
    )


def average(probabilities: Sequence[Any]) -> Any:
    """Returns the mean of several models' probabilities."""
    return sum(probabilities[1:], start=probabilities[0]) / len(probabilities)
