"""Layers of the family, on rows that hold several clips with gaps between them."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gislr.models.layers import PACKAGE, clip_means, membership


@keras.saving.register_keras_serializable(PACKAGE)
class TemporalDeltas(keras.layers.Layer):
    """Appends how each feature changed since one and more frames before.

    A change is 0 where the feature is missing in one of both frames, or at the start of a clip.

    Input: [rows, frames, features], bool of the same shape (true where found) and int32 segment ids
    [rows, frames]. Output: [rows, frames, (1 + orders) x features].

    Args:
        orders: How many frames back, each giving deltas of its own.
    """

    def __init__(self, orders: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.orders = orders

    def call(self, features: Any, found: Any, segment_ids: Any) -> Any:
        collected = [features]
        for back in range(1, self.orders + 1):
            before, known, of_clip = (
                ops.pad(values, [(0, 0), (back, 0)] + [(0, 0)] * (len(values.shape) - 2))[:, :-back]
                for values in (features, found, segment_ids)
            )
            known = ops.logical_and(found, known)
            known = ops.logical_and(known, ops.expand_dims(of_clip == segment_ids, -1))
            collected.append(ops.where(known, features - before, 0.0))
        return ops.concatenate(collected, axis=-1)


@keras.saving.register_keras_serializable(PACKAGE)
class CausalConvolution(keras.layers.Layer):
    """A convolution of each unit by itself over the present and earlier frames of a clip.

    Keras' convolutions drop masks; here masked frames become 0 first, and rows leave a gap of
    `kernel - 1` positions between clips, so that none reaches another.

    Input: [rows, frames, units], int32 segment ids [rows, frames]. Output: as the first input.

    Args:
        kernel: Number of frames, the present one included.
    """

    def __init__(self, kernel: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
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
        valid = inputs * ops.cast(ops.expand_dims(segment_ids > 0, -1), inputs.dtype)
        before = ops.pad(valid, [(0, 0), (self.kernel - 1, 0), (0, 0)])
        return ops.depthwise_conv(before, self.weight, padding="valid")


@keras.saving.register_keras_serializable(PACKAGE)
class MaskedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalization over the valid frames.

    Its mask is an input like any other, since one that Keras carries along would be dropped by the
    next layer with a warning.

    Input: [rows, frames, units], int32 segment ids [rows, frames]. Output: as the first input.
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

    Input: [rows, frames, units], int32 segment ids [rows, frames]. Output: as the first input.

    Args:
        segments: The most clips of a row.
        kernel: How many neighboring units are looked at.
    """

    def __init__(self, segments: int, kernel: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.segments, self.kernel = segments, kernel

    def build(self, inputs_shape: tuple[int | None, ...], segment_ids_shape: Any) -> None:
        self.weight = self.add_weight(
            name="weight", shape=(self.kernel, 1, 1), initializer="glorot_uniform"
        )

    def call(self, inputs: Any, segment_ids: Any) -> Any:
        units = inputs.shape[-1]
        member = membership(segment_ids, self.segments, inputs.dtype)
        means = clip_means(inputs, member)
        mixed = ops.conv(ops.reshape(means, (-1, units, 1)), self.weight, padding="same")
        weights = ops.reshape(ops.sigmoid(mixed), (-1, self.segments, units))
        return inputs * ops.matmul(ops.transpose(member, (0, 2, 1)), weights)
