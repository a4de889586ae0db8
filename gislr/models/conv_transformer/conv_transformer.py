"""Convolutions over time and attention in turns, after the Kaggle competition's winner.

The winner (Hoyeol Sohn, "1st place solution: 1DCNN combined with Transformer") reads 118 landmarks
and their differences; this family reads what the store holds, with differences if asked for. About
1.8 million parameters at the defaults with 250 signs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from gislr.batches.packing import Layout
from gislr.data.preprocessing import PreprocessingSettings
from gislr.utils.errors import SettingError, unknown_name

NORMALizATIONS = ("batch", "layer", "rms")
CENTRES = ("none", "nose")
_NOSE = 1
_BATCH_MOMENTUM = 0.95
"""Keras' 0.99 would need more steps than a short training has."""


@dataclass(frozen=True)
class ConvTransformerSettings:
    """Sizes and rates; the values stand in `conf/model/conv_transformer.yaml`.

    Attributes:
        name: `conv_transformer`.
        units: Width of the blocks.
        num_stages: How often convolutions and a transformer block follow each other.
        num_convolutions: Convolution blocks of a stage.
        kernel: Frames that a convolution sees, the present and earlier ones.
        expansion: Width inside a block, as a multiple of `units`.
        num_heads: Attention heads; divides `units`.
        normalization: `batch`, over the frames that count, or `layer` or `rms`, of each frame.
        centre: `none` standardizes with the training set's statistics; `nose` counts each clip from
            the mean place of its nose, in standard deviations of the clip, as the winner did.
        hand_shape: Whether each hand is told from its wrist, in hand sizes, too.
        distances: Whether distances between fingertips, and from them to the face, are told.
        differences: How many frames back the motion of landmarks is told; 0 for none.
        block_dropout: Dropout at the end of each block.
        classifier_dropout: Dropout of the clip's vector.
        dropout_epoch: The first epoch, from 0, in which the classifier's dropout is at work.
        frame_masking: Probability that a frame is left out in training.
    """

    name: str
    units: int
    num_stages: int
    num_convolutions: int
    kernel: int
    expansion: int
    num_heads: int
    normalization: str
    centre: str
    hand_shape: bool
    distances: bool
    differences: int
    block_dropout: float
    classifier_dropout: float
    dropout_epoch: int
    frame_masking: float

    packed: ClassVar[bool] = True
    inference_masking: ClassVar[float] = 0.0

    @property
    def gap(self) -> int:
        """Positions between clips of a row: as far back as a convolution reaches."""
        return self.kernel - 1

    def __post_init__(self) -> None:
        for key in ("units", "num_stages", "kernel", "expansion", "num_heads"):
            if getattr(self, key) < 1:
                raise SettingError(f"model.{key} must be at least 1; got {getattr(self, key)}.")
        for key in ("num_convolutions", "differences", "dropout_epoch"):
            if getattr(self, key) < 0:
                raise SettingError(f"model.{key} must be at least 0; got {getattr(self, key)}.")
        if self.units % self.num_heads:
            raise SettingError(
                f"model.units must be a multiple of model.num_heads; got {self.units} and "
                f"{self.num_heads}."
            )
        for key in ("block_dropout", "classifier_dropout", "frame_masking"):
            if not 0 <= getattr(self, key) < 1:
                raise SettingError(
                    f"model.{key} must be at least 0 and below 1; got {getattr(self, key)}."
                )
        if self.centre not in CENTRES:
            raise unknown_name("model.centre", self.centre, CENTRES)
        if self.normalization not in NORMALizATIONS:
            raise unknown_name("model.normalization", self.normalization, NORMALizATIONS)


def build_conv_transformer(  # noqa: PLR0915
    settings: ConvTransformerSettings,
    *,
    signs: int,
    layout: Layout,
    preprocessing: PreprocessingSettings,
    precision: str,
) -> Any:
    """Builds the model; see `build_transformer` for the arguments and what is returned."""
    import keras
    from keras import ops

    from gislr.models import layers as shared
    from gislr.models.attention import SegmentAttention
    from gislr.models.conv_transformer import conv_layers as layers
    from gislr.models.conv_transformer import frame_features as features

    policy: dict[str, Any] = {"dtype": precision}
    whole: dict[str, Any] = {"dtype": "float32"}
    wide = settings.units * settings.expansion

    def dense(inputs: Any, units: int, name: str, activation: str | None = None) -> Any:
        return shared.Dense(units, activation=activation, name=name, **policy)(inputs)

    def normalized(inputs: Any, name: str) -> Any:
        if settings.normalization == "batch":
            layer = layers.MaskedBatchNormalization(momentum=_BATCH_MOMENTUM, name=name, **policy)
            return layer(inputs, segment_ids)
        return shared.normalization(settings.normalization, name=name, **policy)(inputs)

    def added(inputs: Any, change: Any, name: str) -> Any:
        return inputs + keras.layers.Dropout(settings.block_dropout, name=name, **policy)(change)

    shape = layout.input_shape
    frames = keras.Input(batch_shape=(*shape, *preprocessing.shape), name="frames")
    position = keras.Input(batch_shape=shape, dtype="int32", name="position")
    segment_ids = keras.Input(batch_shape=shape, dtype="int32", name="segment_ids")

    kinds = preprocessing.landmark_set
    values, found = shared.SplitMissing(name="split_missing", **whole)(frames)
    if settings.centre == "nose":
        center = features.Centering(
            _place_of_nose(preprocessing), layout.segments, name="centering", **whole
        )
        landmarks = center(values, found, segment_ids)
    else:
        landmarks = shared.Standardize(name="standardize", **whole)(values, found)
    flat = keras.layers.Reshape((-1, math.prod(preprocessing.shape)), **whole)
    collected = [(flat(landmarks), flat(found))]
    if settings.hand_shape:
        hands = [[hand.start, hand.stop] for hand in kinds.hands]
        wrist_relative = features.WristRelativeHand(hands, name="wrist_relative_hand", **whole)
        collected.append(wrist_relative(values, found))
    if settings.distances:
        pairs = features.measured_pairs(kinds)
        collected.append(features.Distances(pairs, name="distances", **whole)(values, found))
    x, known = (ops.concatenate(arrays, axis=-1) for arrays in zip(*collected, strict=True))
    deltas = layers.TemporalDeltas(settings.differences, name="deltas", **whole)
    x = deltas(x, known, segment_ids)
    x = normalized(dense(x, settings.units, "stem"), "stem_norm")
    for stage in range(settings.num_stages):
        for k in range(settings.num_convolutions):
            name = f"stage_{stage}_convolution_{k}"
            inner = dense(x, wide, f"{name}_expand", "silu")
            inner = layers.CausalConvolution(settings.kernel, name=name, **policy)(
                inner, segment_ids
            )
            inner = normalized(inner, f"{name}_norm")
            attention = layers.ChannelAttention(layout.segments, name=f"{name}_channels", **policy)
            inner = dense(attention(inner, segment_ids), settings.units, f"{name}_project")
            x = added(x, inner, f"{name}_dropout")
        name = f"stage_{stage}_attention"
        attend = SegmentAttention(settings.num_heads, "keys", name=name, **policy)
        x = added(x, attend(normalized(x, f"{name}_norm"), segment_ids), f"{name}_dropout")
        name = f"stage_{stage}_mlp"
        inner = dense(normalized(x, f"{name}_norm"), wide, f"{name}_1", "silu")
        x = added(x, dense(inner, settings.units, f"{name}_2"), f"{name}_dropout")
    x = dense(x, wide, "head")
    clips = shared.ClipMean(layout.segments, name="clip_mean", **whole)(x, segment_ids)
    rate = settings.classifier_dropout
    clips = (
        shared.LateDropout(rate, settings.dropout_epoch, name="clip_dropout", **whole)(clips)
        if settings.dropout_epoch
        else keras.layers.Dropout(rate, name="clip_dropout", **whole)(clips)
    )
    logits = keras.layers.Dense(signs, name="classifier", **whole)(clips)
    return keras.Model(
        {"frames": frames, "position": position, "segment_ids": segment_ids},
        logits,
        name="conv_transformer",
    )


def _place_of_nose(preprocessing: PreprocessingSettings) -> int:
    place = preprocessing.landmark_set.place_of(_NOSE)
    if place is None:
        raise SettingError(
            "model.centre=nose needs landmarks that hold the nose; "
            f"preprocessing.landmarks={preprocessing.landmarks} does not. Use preprocessing=whole."
        )
    return place
