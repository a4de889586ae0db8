"""Layers shared by the model families, on rows that hold several clips (`gislr.batches.packing`).

Written with `keras.ops` only, so that they run on every backend of Keras. This module imports
Keras and is imported by a family's module, which the registry imports when a model is built.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gislr.batches.packing import Layout
from gislr.data.preprocessing import PreprocessingSettings

PACKAGE = "gislr"


def row_inputs(layout: Layout, preprocessing: PreprocessingSettings) -> dict[str, Any]:
    """Returns the inputs of a model by name, see `gislr.models.Family.build`."""
    shape = layout.input_shape
    return {
        "frames": keras.Input(batch_shape=(*shape, *preprocessing.shape), name="frames"),
        "position": keras.Input(batch_shape=shape, dtype="int32", name="position"),
        "segment_ids": keras.Input(batch_shape=shape, dtype="int32", name="segment_ids"),
    }


def rows_and_frames(inputs: Any) -> tuple[int, int]:
    """Returns the first two axes of a shape to reshape to; -1 for the one that is not known.

    In training that is the number of rows, in an exported model the number of frames.
    """
    rows, frames = inputs.shape[:2]
    return (-1 if rows is None else rows, -1 if frames is None else frames)


def membership(segment_ids: Any, segments: int, dtype: str) -> Any:
    """Returns which frames belong to which clip: 1 or 0, [rows, segments, frames].

    Args:
        segment_ids: int32 [rows, frames], from 1; 0 for an empty or masked position.
        segments: The most clips of a row.
        dtype: Of the result.
    """
    numbers = ops.reshape(ops.arange(1, segments + 1, dtype="int32"), (1, -1, 1))
    return ops.cast(ops.expand_dims(segment_ids, 1) == numbers, dtype)


def clip_means(frames: Any, member: Any) -> Any:
    """Averages the frames of each clip; 0 for an empty segment.

    Args:
        frames: [rows, frames, units].
        member: See `membership`.

    Returns:
        [rows, segments, units].
    """
    count = ops.sum(member, axis=-1, keepdims=True)
    return ops.matmul(member, frames) / ops.maximum(count, 1)


@ops.custom_gradient  # type: ignore[untyped-decorator]
def gelu(x: Any) -> Any:
    """Returns the exact GELU; its gradient keeps only the input: a seventh of a step's memory."""

    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        if upstream is None:
            (upstream,) = arguments
        below = 0.5 * (1 + ops.erf(x * 0.5**0.5))
        density = ops.exp(-0.5 * x * x) * (2 * math.pi) ** -0.5
        return upstream * (below + x * density)

    return keras.activations.gelu(x, approximate=False), gradient


@keras.saving.register_keras_serializable(PACKAGE)
class Gelu(keras.layers.Layer):
    """The exact GELU, see `gelu`."""

    def call(self, inputs: Any) -> Any:
        return gelu(inputs)


def normalization(kind: str, **options: Any) -> Any:
    """Returns a new layer that normalizes the units of each frame.

    Args:
        kind: `layer`, or `rms` for Zhang & Sennrich 2019, "Root Mean Square Layer Normalization".
        **options: Of the layer.
    """
    kinds = {"layer": keras.layers.LayerNormalization, "rms": keras.layers.RMSNormalization}
    return kinds[kind](**options)


def project(inputs: Any, kernel: Any) -> Any:
    """Multiplies the last axis of [rows, frames, units] by a matrix.

    As one product of two matrices, which exports without arithmetic on shapes.
    """
    flat = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), kernel)
    return ops.reshape(flat, (*rows_and_frames(inputs), kernel.shape[-1]))


@keras.saving.register_keras_serializable(PACKAGE)
class Dense(keras.layers.Dense):
    """Keras' Dense for [rows, frames, units], by `project`."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        flat = super().call(ops.reshape(inputs, (-1, inputs.shape[-1])), training=training)
        return ops.reshape(flat, (*rows_and_frames(inputs), self.units))


@keras.saving.register_keras_serializable(PACKAGE)
class SplitMissing(keras.layers.Layer):
    """Splits landmarks into values and a mask, once, at a model's entrance.

    Input: float32 [rows, frames, landmarks, axes], NaN where a landmark was not found or a position
    is empty. Output: the same with 0 instead of NaN, and bool of the same shape, true where found.
    """

    def call(self, frames: Any) -> tuple[Any, Any]:
        # ONNX keeps NaN out of other values only where `isnan` itself is the condition.
        missing = ops.isnan(frames)
        return ops.where(missing, 0.0, frames), ops.logical_not(missing)


@keras.saving.register_keras_serializable(PACKAGE)
class Standardize(keras.layers.Layer):
    """Subtracts the mean and divides by the standard deviation; a missing landmark stays 0.

    The statistics are weights that are not trained, so that they are saved with the model.
    Input: float32 and bool [rows, frames, landmarks, axes], see `SplitMissing`. Output: as the
    first input.
    """

    def build(self, landmarks_shape: tuple[int | None, ...], found_shape: Any) -> None:
        shape = landmarks_shape[-2:]
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.std = self.add_weight(name="std", shape=shape, initializer="ones", trainable=False)

    def call(self, landmarks: Any, found: Any) -> Any:
        return ops.where(found, (landmarks - self.mean) / self.std, 0.0)


@keras.saving.register_keras_serializable(PACKAGE)
class WeightedSum(keras.layers.Layer):
    """Adds up its inputs, weighted with a softmax of learned weights that start equal."""

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        self.weight = self.add_weight(name="weight", shape=(len(input_shape),), initializer="zeros")

    def call(self, parts: list[Any]) -> Any:
        weights = ops.softmax(self.weight)
        return sum(part * weights[k] for k, part in enumerate(parts))


@keras.saving.register_keras_serializable(PACKAGE)
class ClipMean(keras.layers.Layer):
    """Averages the valid frames of each segment: packed rows -> one vector a clip.

    Input: [rows, frames, units] and int32 segment ids [rows, frames]. Output: float32 [rows,
    segments, units], 0 for an empty segment.

    Args:
        segments: The most clips of a row.
    """

    def __init__(self, segments: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.segments = segments

    def call(self, frames: Any, segment_ids: Any) -> Any:
        return clip_means(frames, membership(segment_ids, self.segments, self.compute_dtype))


@keras.saving.register_keras_serializable(PACKAGE)
class LateDropout(keras.layers.Dropout):
    """Keras' dropout that starts after some epochs of a training.

    Args:
        rate: Share of units that are dropped.
        start_epoch: The first epoch, from 0, in which they are.
    """

    def __init__(self, rate: float, start_epoch: int, **kwargs: Any) -> None:
        super().__init__(rate, **kwargs)
        self.start_epoch = start_epoch

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.active = self.add_weight(
            name="active",
            shape=(),
            initializer="zeros" if self.start_epoch else "ones",
            trainable=False,
            autocast=False,
        )
        super().build(input_shape)

    def begin_epoch(self, epoch: int) -> None:
        """Starts the dropout if it is due in an epoch, counted from 0."""
        self.active.assign(float(epoch >= self.start_epoch))

    def call(self, inputs: Any, training: bool = False) -> Any:
        dropped = super().call(inputs, training=training)
        return ops.where(self.active > 0, dropped, inputs) if training else inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start_epoch": self.start_epoch}
