"""Embeddings of a frame's parts and of its position, on rows that hold several clips."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gislr.models.layers import PACKAGE, gelu, project, rows_and_frames


@keras.saving.register_keras_serializable(PACKAGE)
class PartEmbedding(keras.layers.Layer):
    """Embeds one part (lips, hand or pose) of every frame; a missing part has a learned vector.

    Dense - GELU - Dense without biases, as in the reference.
    Input: standardized landmarks [rows, frames, landmarks, axes], and bool of the same shape.
    Output: [rows, frames, units].

    Args:
        units: Width of the embedding.
        start: First landmark of the part.
        stop: Landmark after the last one.
    """

    def __init__(self, units: int, start: int, stop: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.start, self.stop = units, start, stop

    def build(self, landmarks_shape: tuple[int | None, ...], found_shape: Any) -> None:
        self.features = (self.stop - self.start) * int(landmarks_shape[-1] or 0)
        self.first = self.add_weight(
            name="first", shape=(self.features, self.units), initializer="glorot_uniform"
        )
        self.second = self.add_weight(
            name="second", shape=(self.units, self.units), initializer="he_uniform"
        )
        self.missing = self.add_weight(name="missing", shape=(self.units,), initializer="zeros")

    def call(self, landmarks: Any, found: Any) -> Any:
        part = landmarks[:, :, self.start : self.stop]
        part = ops.reshape(part, (*rows_and_frames(part), self.features))
        has_part = ops.any(found[:, :, self.start : self.stop], axis=(2, 3))
        hidden = gelu(project(part, self.first))
        missing = ops.convert_to_tensor(self.missing)
        return ops.where(ops.expand_dims(has_part, -1), project(hidden, self.second), missing)


@keras.saving.register_keras_serializable(PACKAGE)
class Embedding(keras.layers.Embedding):
    """Keras' Embedding; on JAX a product, since a GPU adds up the gradients of rows slowly."""

    def call(self, inputs: Any) -> Any:
        if keras.backend.backend() != "jax":
            return super().call(inputs)
        chosen = ops.one_hot(inputs, self.input_dim, dtype=self.compute_dtype)
        return ops.matmul(chosen, ops.cast(self.embeddings, self.compute_dtype))
