"""Layers shared by the model families, on rows that hold several clips (`gislr.batches.packing`).

Written with `keras.ops` only, so that they run on every backend of Keras. This module imports
Keras and is imported by a family's module, which the registry imports when a model is built.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

PACKAGE = "gislr"


def rows_and_frames(inputs: Any) -> tuple[int, int]:
    """Returns the first two axes of a shape to reshape to; -1 for the one that is not known.

    In training that is the number of rows, in an exported model the number of frames.
    """
    rows, frames = inputs.shape[:2]
    return (-1 if rows is None else rows, -1 if frames is None else frames)


@ops.custom_gradient  # type: ignore[untyped-decorator]
def _gelu(x: Any) -> Any:
    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        if upstream is None:
            (upstream,) = arguments
        below = 0.5 * (1 + ops.erf(x * 0.5**0.5))
        density = ops.exp(-0.5 * x * x) * (2 * math.pi) ** -0.5
        return upstream * (below + x * density)

    return keras.activations.gelu(x, approximate=False), gradient


@keras.saving.register_keras_serializable(PACKAGE)
class Gelu(keras.layers.Layer):
    """The exact GELU, keeping its input only for the gradient: a seventh of a step's memory."""

    def call(self, inputs: Any) -> Any:
        return _gelu(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


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
class Standardize(keras.layers.Layer):
    """Subtracts the mean and divides by the standard deviation; 0 (not found) stays 0.

    The statistics are weights that are not trained, so that they are saved with the model.
    Input and output: float32 [rows, frames, landmarks, axes].
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = input_shape[-2:]
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.std = self.add_weight(name="std", shape=shape, initializer="ones", trainable=False)

    def call(self, landmarks: Any) -> Any:
        return ops.where(landmarks == 0, 0.0, (landmarks - self.mean) / self.std)


@keras.saving.register_keras_serializable(PACKAGE)
class PartEmbedding(keras.layers.Layer):
    """Embeds one part (lips, hand or pose) of every frame; a missing part has a learned vector.

    Dense - GELU - Dense without biases, as in the reference.
    Input: [rows, frames, landmarks, axes] standardized. Output: [rows, frames, units].

    Args:
        units: Width of the embedding.
        start: First landmark of the part.
        stop: Landmark after the last one.
    """

    def __init__(self, units: int, start: int, stop: int, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.start, self.stop = units, start, stop

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        features = (self.stop - self.start) * int(input_shape[-1] or 0)
        self.features = features
        self.first = self.add_weight(
            name="first", shape=(features, self.units), initializer="glorot_uniform"
        )
        self.second = self.add_weight(
            name="second", shape=(self.units, self.units), initializer="he_uniform"
        )
        self.missing = self.add_weight(name="missing", shape=(self.units,), initializer="zeros")

    def call(self, landmarks: Any) -> Any:
        part = landmarks[:, :, self.start : self.stop]
        part = ops.reshape(part, (*rows_and_frames(part), self.features))
        found = ops.any(part != 0, axis=-1, keepdims=True)
        hidden = _gelu(project(part, self.first))
        missing = ops.convert_to_tensor(self.missing)
        return ops.where(found, project(hidden, self.second), missing)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "start": self.start, "stop": self.stop}


@keras.saving.register_keras_serializable(PACKAGE)
class WeightedSum(keras.layers.Layer):
    """Adds up its inputs, weighted with a softmax of learned weights that start equal."""

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        self.weight = self.add_weight(name="weight", shape=(len(input_shape),), initializer="zeros")

    def call(self, parts: list[Any]) -> Any:
        weights = ops.softmax(self.weight)
        return sum(part * weights[k] for k, part in enumerate(parts))


@keras.saving.register_keras_serializable(PACKAGE)
class PositionEmbedding(keras.layers.Layer):
    """Looks up a learned vector, zero at first, for how far into its clip a frame lies.

    Input: int32 [rows, frames]. Output: [rows, frames, units].

    Args:
        positions: Rows of the table, that of padding included.
        units: Width.
    """

    def __init__(self, positions: int, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.positions, self.units = positions, units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.table = self.add_weight(
            name="table", shape=(self.positions, self.units), initializer="zeros"
        )

    def call(self, position: Any) -> Any:
        return ops.take(self.table, position, axis=0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "positions": self.positions, "units": self.units}


@keras.saving.register_keras_serializable(PACKAGE)
class ClipMean(keras.layers.Layer):
    """Averages the valid frames of each segment: packed rows -> one vector a clip.

    Input: [rows, frames, units] and int32 segments [rows, frames]. Output: float32 [rows, segments,
    units], 0 for an empty segment.

    Args:
        segments: The most clips of a row.
    """

    def __init__(self, segments: int, **options: Any) -> None:
        super().__init__(**options)
        self.segments = segments

    def call(self, frames: Any, segment_ids: Any) -> Any:
        numbers = ops.arange(1, self.segments + 1, dtype="int32")
        member = ops.cast(
            ops.expand_dims(segment_ids, 1) == ops.reshape(numbers, (1, -1, 1)), self.compute_dtype
        )
        count = ops.sum(member, axis=-1, keepdims=True)
        return ops.matmul(member, frames) / ops.maximum(count, 1)

    def compute_output_shape(self, frames_shape: Any, segment_ids_shape: Any) -> Any:
        return (frames_shape[0], self.segments, frames_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "segments": self.segments}


@keras.saving.register_keras_serializable(PACKAGE)
class LateDropout(keras.layers.Dropout):
    """Keras' dropout that begins after some epochs of a training.

    Args:
        rate: Share of units that are dropped.
        epoch: The first epoch, from 0, in which they are.
    """

    def __init__(self, rate: float, epoch: int, **options: Any) -> None:
        super().__init__(rate, **options)
        self.epoch = epoch

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.begun = self.add_weight(
            name="begun", shape=(), initializer="zeros", trainable=False, autocast=False
        )
        super().build(input_shape)

    def begin_epoch(self, epoch: int) -> None:
        """Says which epoch of a training begins, from 0."""
        self.begun.assign(float(epoch >= self.epoch))

    def call(self, inputs: Any, training: bool = False) -> Any:
        dropped = super().call(inputs, training=training)
        return ops.where(self.begun > 0, dropped, inputs) if training else inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epoch": self.epoch}
