"""Layers of the family, on rows that hold several clips with gaps between them."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gislr.models.layers import PACKAGE


def valid(frames: Any, segment_ids: Any) -> Any:
    """Returns frames with those that do not count set to 0.

    Args:
        frames: [rows, frames, units].
        segment_ids: int32 [rows, frames], 0 where nothing counts.
    """
    return frames * ops.cast(ops.expand_dims(segment_ids > 0, -1), frames.dtype)


@keras.saving.register_keras_serializable(PACKAGE)
class Differences(keras.layers.Layer):
    """Appends how each feature changed since one and more frames before; 0 where it was missing.

    Input: [rows, frames, features], 0 where missing, int32 segments [rows, frames]. Output: [rows,
    frames, (1 + orders) x features].

    Args:
        orders: How many frames back, each giving differences of its own.
    """

    def __init__(self, orders: int, **options: Any) -> None:
        super().__init__(**options)
        self.orders = orders

    def call(self, features: Any, segment_ids: Any) -> Any:
        found = [features]
        for back in range(1, self.orders + 1):
            before = ops.pad(features, [(0, 0), (back, 0), (0, 0)])[:, :-back]
            of = ops.pad(segment_ids, [(0, 0), (back, 0)])[:, :-back]
            known = ops.logical_and(features != 0, before != 0)
            known = ops.logical_and(known, ops.expand_dims(of == segment_ids, -1))
            found.append(ops.where(known, features - before, 0.0))
        return ops.concatenate(found, axis=-1)

    def compute_output_shape(self, features_shape: Any, segment_ids_shape: Any) -> Any:
        return (*segment_ids_shape, (1 + self.orders) * features_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "orders": self.orders}


@keras.saving.register_keras_serializable(PACKAGE)
class CausalConvolution(keras.layers.Layer):
    """A convolution of each unit by itself over the present and earlier frames of a clip.

    Keras' convolutions drop masks; here what does not count is 0 before, and rows leave a gap of
    `kernel - 1` positions between clips, so that none reaches another.

    Input: [rows, frames, units], int32 segments [rows, frames]. Output: [rows, frames, units].

    Args:
        kernel: Number of frames it sees.
    """

    def __init__(self, kernel: int, **options: Any) -> None:
        super().__init__(**options)
        self.kernel = kernel

    def build(self, inputs_shape: tuple[int | None, ...], segment_ids_shape: Any) -> None:
        # As Glorot's for a dense layer of as many inputs and outputs.
        limit = (3 / self.kernel) ** 0.5
        self.weight = self.add_weight(
            name="weight",
            shape=(self.kernel, int(inputs_shape[-1] or 0), 1),
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )

    def call(self, inputs: Any, segment_ids: Any) -> Any:
        before = ops.pad(valid(inputs, segment_ids), [(0, 0), (self.kernel - 1, 0), (0, 0)])
        return ops.depthwise_conv(before, self.weight, padding="valid")

    def compute_output_shape(self, inputs_shape: Any, segment_ids_shape: Any) -> Any:
        return inputs_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel": self.kernel}


@keras.saving.register_keras_serializable(PACKAGE)
class FrameNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalization over the frames that count.

    Its mask is an input like any other, since one that Keras carries along would be dropped by the
    next layer with a warning.

    Input: [rows, frames, units], int32 segments [rows, frames]. Output: [rows, frames, units].
    """

    def build(self, inputs_shape: tuple[int | None, ...], segment_ids_shape: Any) -> None:
        super().build(inputs_shape)

    def call(self, inputs: Any, segment_ids: Any, training: bool | None = None) -> Any:
        return super().call(inputs, training=training, mask=segment_ids > 0)

    def compute_output_shape(self, inputs_shape: Any, segment_ids_shape: Any) -> Any:
        return inputs_shape


@keras.saving.register_keras_serializable(PACKAGE)
class ChannelAttention(keras.layers.Layer):
    """Efficient channel attention: weighs units by their mean over the clip and its neighbors'.

    After Wang et al. 2020, "ECA-Net", with the mean of each clip of a row instead of the row's.

    Input: [rows, frames, units], int32 segments [rows, frames]. Output: [rows, frames, units].

    Args:
        segments: The most clips of a row.
        kernel: How many neighboring units are looked at.
    """

    def __init__(self, segments: int, kernel: int = 5, **options: Any) -> None:
        super().__init__(**options)
        self.segments, self.kernel = segments, kernel

    def build(self, inputs_shape: tuple[int | None, ...], segment_ids_shape: Any) -> None:
        self.weight = self.add_weight(
            name="weight", shape=(self.kernel, 1, 1), initializer="glorot_uniform"
        )

    def call(self, inputs: Any, segment_ids: Any) -> Any:
        units = inputs.shape[-1]
        numbers = ops.reshape(ops.arange(1, self.segments + 1, dtype="int32"), (1, -1, 1))
        member = ops.cast(ops.expand_dims(segment_ids, 1) == numbers, inputs.dtype)
        count = ops.maximum(ops.sum(member, axis=-1, keepdims=True), 1)
        means = ops.matmul(member, inputs) / count
        mixed = ops.conv(ops.reshape(means, (-1, units, 1)), self.weight, padding="same")
        weights = ops.reshape(ops.sigmoid(mixed), (-1, self.segments, units))
        return inputs * ops.matmul(ops.transpose(member, (0, 2, 1)), weights)

    def compute_output_shape(self, inputs_shape: Any, segment_ids_shape: Any) -> Any:
        return inputs_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "segments": self.segments, "kernel": self.kernel}
