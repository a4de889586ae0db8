"""Attention among the frames of a clip, in rows that hold several clips."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gislr.models.layers import PACKAGE, project, rows_and_frames

MASKED = -3e4
"""Score of a frame that must not be attended to: float16 holds it, and exp of it is 0."""


@keras.saving.register_keras_serializable(PACKAGE)
class SegmentAttention(keras.layers.Layer):
    """Multi-head self-attention among the frames of each clip.

    With `mask="keys"` every frame attends to the valid frames of its segment. With `mask="queries"`
    it is the reference's: the mask covers queries, so that real frames attend to the whole row,
    padding included, and the rows of padding become exactly uniform, as legacy Keras left them.

    Input: [rows, frames, units] and int32 segment ids [rows, frames]. Output: as the first input.

    Args:
        heads: Number of heads; divides the width.
        mask: `keys` or `queries`.
    """

    def __init__(self, heads: int, mask: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.mask = heads, mask

    def build(self, inputs_shape: tuple[int | None, ...], segment_ids_shape: Any) -> None:
        units = int(inputs_shape[-1] or 0)
        depth = units // self.heads
        # The reference's heads are Dense layers of their own: limits of [units, depth] matrices.
        limit = (6 / (units + depth)) ** 0.5
        shape = (units, self.heads, depth)
        self.kernels = [
            # One initializer for each: a shared one would draw the same numbers.
            self.add_weight(
                name=f"{name}_kernel",
                shape=shape,
                initializer=keras.initializers.RandomUniform(-limit, limit),
            )
            for name in ("query", "key", "value")
        ]
        self.biases = [
            self.add_weight(name=f"{name}_bias", shape=shape[1:], initializer="zeros")
            for name in ("query", "key", "value")
        ]
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            kernel.clip_axes, bias.clip_axes = (0, 2), (1,)
        self.output_kernel = self.add_weight(
            name="output_kernel", shape=(units, units), initializer="glorot_uniform"
        )
        self.output_bias = self.add_weight(name="output_bias", shape=(units,), initializer="zeros")

    def call(self, inputs: Any, segment_ids: Any) -> Any:
        leading, units = rows_and_frames(inputs), inputs.shape[-1]
        depth = units // self.heads

        def in_heads(kernel: Any, bias: Any) -> Any:
            projected = project(inputs, ops.reshape(kernel, (units, units)))
            projected = projected + ops.reshape(bias, (units,))
            return ops.transpose(
                ops.reshape(projected, (*leading, self.heads, depth)), (0, 2, 1, 3)
            )

        query, key, value = map(in_heads, self.kernels, self.biases)
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * depth**-0.5
        scores = ops.cast(scores, "float32")
        if self.mask == "queries":
            # A float32 score is rounded away next to 1e9, so a masked row becomes uniform; its
            # gradient does not vanish. Legacy Keras did both, and published weights rest on it.
            valid = ops.expand_dims(ops.cast(segment_ids > 0, "float32"), (1, 3))
            scores = scores + (valid - 1) * 1e9
        else:
            same_clip = ops.logical_and(
                ops.expand_dims(segment_ids, 2) == ops.expand_dims(segment_ids, 1),
                ops.expand_dims(segment_ids > 0, 1),
            )
            scores = ops.where(ops.expand_dims(same_clip, 1), scores, MASKED)
        attention = ops.cast(ops.softmax(scores), self.compute_dtype)
        heads = ops.transpose(ops.matmul(attention, value), (0, 2, 1, 3))
        merged = ops.reshape(heads, (*leading, units))
        return project(merged, self.output_kernel) + self.output_bias
