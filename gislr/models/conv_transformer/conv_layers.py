"""Layers of the family, on rows that hold several clips.

Packed rows hold valid frames only. Layers that look at earlier frames are told where each frame
lies on its row's timeline, see `gislr.batches.packing`: clips lie apart there, and masked frames
leave a place free.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gislr.models.layers import PACKAGE, clip_means, membership


@keras.saving.register_keras_serializable(PACKAGE)
class TemporalDeltas(keras.layers.Layer):
    """Appends how each feature changed since one and more frames before.

    A change is 0 where the feature is missing in one of both frames, where the frame before is
    masked, or at the start of a clip.

    Input: [rows, frames, features], bool of the same shape (true where found), int32 segment ids
    and int32 places on the timeline [rows, frames]. Output: [rows, frames, (1 + orders) x
    features].

    Args:
        orders: How many frames back, each giving deltas of its own.
        packed: Whether rows have a timeline; otherwise each frame lies at its position.
    """

    def __init__(self, orders: int, packed: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.orders, self.packed = orders, packed

    def call(self, features: Any, found: Any, segment_ids: Any, places: Any) -> Any:
        collected = [features]
        for back in range(1, self.orders + 1):
            change = 0.0
            # Of packed frames the one before may stand nearer: what is between is masked.
            for shift in range(1, back + 1) if self.packed else (back,):
                before, known, of_clip, place = (
                    ops.pad(values, [(0, 0), (shift, 0)] + [(0, 0)] * (len(values.shape) - 2))[
                        :, :-shift
                    ]
                    for values in (features, found, segment_ids, places)
                )
                near = of_clip == segment_ids
                if self.packed:
                    near = ops.logical_and(near, places - place == back)
                known = ops.logical_and(ops.logical_and(found, known), ops.expand_dims(near, -1))
                change = change + ops.where(known, features - before, 0.0)
            collected.append(change)
        return ops.concatenate(collected, axis=-1)


@keras.saving.register_keras_serializable(PACKAGE)
class Timeline(keras.layers.Layer):
    """Finds the frame at each place of the rows' timelines, and the place of each frame.

    Input: int32 segment ids and places [rows, frames]. Output: int32 [rows x places], which of all
    frames is there, their number where there is none; and int32 [rows x frames], which of all
    places each frame has. Frames that are not valid have their row's last place, which is free.

    Args:
        places: Places of a row's timeline.
    """

    def __init__(self, places: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.places = places

    def call(self, segment_ids: Any, places: Any) -> tuple[Any, Any]:
        rows, frames = ops.shape(places)
        first = ops.expand_dims(ops.arange(rows, dtype="int32") * self.places, 1)
        valid = segment_ids > 0
        place = ops.reshape(ops.where(valid, places, self.places - 1) + first, (-1,))
        # Counted from the end, so that 0 is left where nothing is written.
        number = ops.arange(-rows * frames, 0, dtype="int32")
        number = number * ops.cast(ops.reshape(valid, (-1,)), "int32")
        frame = ops.scatter(ops.expand_dims(place, 1), number, (rows * self.places,))
        return frame + rows * frames, place


def moved(values: Any, index: Any, inverse: Any) -> Any:
    """Takes rows of [n, units]; row `n` is of zeros.

    Each row is taken once at most, so that the gradient takes rows, too, and adds none up.

    Args:
        values: The rows.
        index: int32 [m], which row each result is.
        inverse: int32 [n], which result each row is.
    """

    def taken(rows: Any, index: Any) -> Any:
        return ops.take(ops.pad(rows, [(0, 1), (0, 0)]), index, axis=0)

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def move(values: Any) -> Any:
        def gradient(*arguments: Any, upstream: Any = None) -> Any:
            return taken(arguments[0] if upstream is None else upstream, inverse)

        return taken(values, index), gradient

    return move(values)


@keras.saving.register_keras_serializable(PACKAGE)
class CausalConvolution(keras.layers.Layer):
    """A convolution of each unit by itself over the present and earlier frames of a clip.

    Masked frames count as 0. Rows of one clip are convolved as they are; those of several, on their
    timelines.

    Input: [rows, frames, units], and int32 segment ids [rows, frames] or what `Timeline` gives.
    Output: as the first input.

    Args:
        kernel: Number of frames, the present one included.
        places: Places of a row's timeline; 0 for rows of one clip.
    """

    def __init__(self, kernel: int, places: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel, self.places = kernel, places

    def build(self, inputs_shape: tuple[int | None, ...], *others: Any) -> None:
        # As Glorot's for a dense layer of as many inputs and outputs.
        limit = (3 / self.kernel) ** 0.5
        self.units = int(inputs_shape[-1] or 0)
        self.weight = self.add_weight(
            name="weight",
            shape=(self.kernel, self.units, 1),
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )

    def call(self, inputs: Any, *where: Any) -> Any:
        if not self.places:
            (segment_ids,) = where
            valid = inputs * ops.cast(ops.expand_dims(segment_ids > 0, -1), inputs.dtype)
            return self._convolved(valid)
        frame_at, place_of = where
        frames = ops.reshape(inputs, (-1, self.units))
        spread = moved(frames, frame_at, place_of)
        done = self._convolved(ops.reshape(spread, (-1, self.places, self.units)))
        done = moved(ops.reshape(done, (-1, self.units)), place_of, frame_at)
        return ops.reshape(done, ops.shape(inputs))

    def _convolved(self, frames: Any) -> Any:
        before = ops.pad(frames, [(0, 0), (self.kernel - 1, 0), (0, 0)])
        if keras.backend.backend() != "jax":
            return ops.depthwise_conv(before, self.weight, padding="valid")
        # XLA is five times slower at its own convolution of each unit by itself.
        last = before.shape[1] - self.kernel + 1
        return sum(before[:, k : k + last] * self.weight[k, :, 0] for k in range(self.kernel))

    def compute_output_shape(self, inputs_shape: Any, *others: Any) -> Any:
        return inputs_shape


def _moments(frames: Any, segment_ids: Any) -> tuple[Any, Any]:
    """Returns mean and variance of each unit over the valid frames.

    Sums are products with a vector of ones, since backends are slow at masks and sums.
    """
    flat = ops.reshape(frames, (-1, frames.shape[-1]))
    valid = ops.cast(ops.reshape(segment_ids > 0, (1, -1)), "float32")
    count = ops.maximum(ops.sum(valid), 1.0)
    mean = ops.matmul(valid, flat) / count
    variance = ops.matmul(valid, ops.square(flat - mean)) / count
    return mean[0], variance[0]


@keras.saving.register_keras_serializable(PACKAGE)
class MaskedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalization over the valid frames, in float32.

    Its mask is an input like any other, since one that Keras carries along would be dropped by the
    next layer with a warning.

    Input: [rows, frames, units], int32 segment ids [rows, frames]. Output: as the first input.
    """

    def build(self, inputs_shape: tuple[int | None, ...], segment_ids_shape: Any) -> None:
        super().build(inputs_shape)

    def call(self, inputs: Any, segment_ids: Any, training: bool | None = None) -> Any:
        frames = ops.cast(inputs, "float32")
        if training and self.trainable:
            mean, variance = _moments(frames, segment_ids)
            for kept, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                kept.assign(kept * self.momentum + new * (1 - self.momentum))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return ops.cast(frames * scale + (self.beta - mean * scale), self.compute_dtype)

    def compute_output_shape(self, inputs_shape: Any, segment_ids_shape: Any) -> Any:
        return inputs_shape


@ops.custom_gradient  # type: ignore[untyped-decorator]
def _weighted_neighbors(values: Any, weights: Any) -> Any:
    """Sums each value and its neighbors on the last axis, weighted: a convolution of one channel.

    Backends are slow at such a convolution, and at the gradient of slices.
    """
    reach, size = weights.shape[0] // 2, values.shape[-1]

    def near(values: Any) -> list[Any]:
        padded = ops.pad(values, [(0, 0)] * (len(values.shape) - 1) + [(reach, reach)])
        return [padded[..., k : k + size] for k in range(2 * reach + 1)]

    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        upstream = arguments[0] if upstream is None else upstream
        of_weights = ops.stack([ops.sum(upstream * each) for each in near(values)])
        back = reversed(near(upstream))
        return sum(each * weights[k] for k, each in enumerate(back)), of_weights

    return sum(each * weights[k] for k, each in enumerate(near(values))), gradient


@keras.saving.register_keras_serializable(PACKAGE)
class ChannelAttention(keras.layers.Layer):
    """Efficient channel attention: weighs units by their mean over the clip and its neighbors'.

    After Wang et al. 2020, "ECA-Net", with the mean of each clip of a row instead of the row's.

    Input: [rows, frames, units], int32 segment ids [rows, frames]. Output: as the first input.

    Args:
        segments: The most clips of a row.
        kernel: How many neighboring units are looked at, an odd number.
    """

    def __init__(self, segments: int, kernel: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.segments, self.kernel = segments, kernel

    def build(self, inputs_shape: tuple[int | None, ...], segment_ids_shape: Any) -> None:
        self.weight = self.add_weight(
            name="weight", shape=(self.kernel, 1, 1), initializer="glorot_uniform"
        )

    def call(self, inputs: Any, segment_ids: Any) -> Any:
        member = membership(segment_ids, self.segments, inputs.dtype)
        means = clip_means(inputs, member)
        weights = ops.sigmoid(_weighted_neighbors(means, self.weight[:, 0, 0]))
        return inputs * ops.matmul(ops.transpose(member, (0, 2, 1)), weights)
