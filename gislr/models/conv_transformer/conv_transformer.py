"""Convolutions over time and attention in turns, after the Kaggle competition's winner.

The winner (Hoyeol Sohn, "1st place solution: 1DCNN combined with Transformer") reads 118 landmarks
and their deltas; this family reads what the store holds, with deltas if asked for. About 1.8
million parameters at the defaults with 250 signs.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from gislr.batches.packing import OWN, Layout
from gislr.data.preprocessing import PreprocessingSettings
from gislr.models.families import MODELS, AttentionSettings
from gislr.utils.errors import SettingError
from gislr.utils.settings import Positive, Rate, Whole

_NOSE = 1
_BATCH_MOMENTUM = 0.95
"""Keras' 0.99 would need more steps than a short training has."""


@MODELS.register("conv_transformer")
class ConvTransformer(AttentionSettings):
    """Settings of the family; `conf/model/conv_transformer.yaml` explains the keys."""

    name: str
    num_stages: Positive
    num_convolutions: Whole
    kernel: Positive
    expansion: Positive
    normalization: Literal["batch", "layer", "rms"]
    centering: Literal["none", "nose"]
    wrist_relative_hand: bool
    distances: bool
    deltas: Whole
    block_dropout: Rate
    classifier_dropout: Rate
    classifier_dropout_start_epoch: Whole
    frame_masking: Rate

    packed: ClassVar[bool] = True
    inference_masking: ClassVar[float] = 0.0
    last_frame_position: ClassVar[str] = OWN  # the model reads no position

    @property
    def gap(self) -> int:
        """Places between clips of a row: as far back as a convolution reaches."""
        return self.kernel - 1

    def build(
        self, *, signs: int, layout: Layout, preprocessing: PreprocessingSettings, precision: str
    ) -> Any:
        """Builds the model, see `gislr.models.Family.build`."""
        import keras

        from gislr.models import layers as shared
        from gislr.models.attention import SegmentAttention
        from gislr.models.conv_transformer import conv_layers as layers

        policy: dict[str, Any] = {"dtype": precision}
        whole: dict[str, Any] = {"dtype": "float32"}
        wide = self.units * self.expansion
        inputs = shared.row_inputs(layout, preprocessing)
        segment_ids = inputs["segment_ids"]
        where: Any = (segment_ids,)
        if layout.timeline:
            timeline = layers.Timeline(layout.timeline, name="timeline")
            where = timeline(segment_ids, inputs["position"])

        def dense(x: Any, units: int, name: str, activation: str | None = None) -> Any:
            return shared.Dense(units, activation=activation, name=name, **policy)(x)

        def normalized(x: Any, name: str) -> Any:
            if self.normalization == "batch":
                layer = layers.MaskedBatchNormalization(
                    momentum=_BATCH_MOMENTUM, name=name, **policy
                )
                return layer(x, segment_ids)
            return shared.normalization(self.normalization, name=name, **policy)(x)

        def added(x: Any, change: Any, name: str) -> Any:
            return x + keras.layers.Dropout(self.block_dropout, name=name, **policy)(change)

        def convolution_block(x: Any, name: str) -> Any:
            inner = dense(x, wide, f"{name}_expand", "silu")
            convolve = layers.CausalConvolution(self.kernel, layout.timeline, name=name, **policy)
            inner = convolve(inner, *where)
            inner = normalized(inner, f"{name}_norm")
            attention = layers.ChannelAttention(layout.segments, name=f"{name}_channels", **policy)
            inner = dense(attention(inner, segment_ids), self.units, f"{name}_project")
            return added(x, inner, f"{name}_dropout")

        def transformer_block(x: Any, stage: str) -> Any:
            name = f"{stage}_attention"
            attend = SegmentAttention(self.num_heads, "keys", name=name, **policy)
            x = added(x, attend(normalized(x, f"{name}_norm"), segment_ids), f"{name}_dropout")
            name = f"{stage}_mlp"
            inner = dense(normalized(x, f"{name}_norm"), wide, f"{name}_1", "silu")
            return added(x, dense(inner, self.units, f"{name}_2"), f"{name}_dropout")

        x = self._frame_features(inputs, layout, preprocessing)
        x = normalized(dense(x, self.units, "stem"), "stem_norm")
        for stage in range(self.num_stages):
            for k in range(self.num_convolutions):
                x = convolution_block(x, f"stage_{stage}_convolution_{k}")
            x = transformer_block(x, f"stage_{stage}")
        x = dense(x, wide, "head")
        clips = shared.ClipMean(layout.segments, name="clip_mean", **whole)(x, segment_ids)
        clips = shared.LateDropout(
            self.classifier_dropout,
            self.classifier_dropout_start_epoch,
            name="clip_dropout",
            **whole,
        )(clips)
        logits = keras.layers.Dense(signs, name="classifier", **whole)(clips)
        return keras.Model(inputs, logits, name=self.name)

    def _frame_features(
        self, inputs: dict[str, Any], layout: Layout, preprocessing: PreprocessingSettings
    ) -> Any:
        """Returns the features of each frame, [rows, row frames, features]."""
        import keras
        from keras import ops

        from gislr.models import layers as shared
        from gislr.models.conv_transformer import conv_layers, frame_features

        kept, whole = preprocessing.landmark_set, {"dtype": "float32"}
        values, found = shared.SplitMissing(name="split_missing", **whole)(inputs["frames"])
        if self.centering == "nose":
            place = kept.place_of(_NOSE)
            if place is None:
                raise SettingError(
                    "model.centering=nose needs landmarks that hold the nose; "
                    f"preprocessing.landmarks={preprocessing.landmarks} does not. "
                    "Use preprocessing=whole."
                )
            center = frame_features.Centering(place, layout.segments, name="centering", **whole)
            landmarks = center(values, found, inputs["segment_ids"])
        else:
            landmarks = shared.Standardize(name="standardize", **whole)(values, found)
        flat = keras.layers.Reshape((-1, math.prod(preprocessing.shape)), **whole)
        collected = [(flat(landmarks), flat(found))]
        if self.wrist_relative_hand:
            hands = [[hand.start, hand.stop] for hand in kept.hands]
            relative = frame_features.WristRelativeHand(hands, name="wrist_relative_hand", **whole)
            collected.append(relative(values, found))
        if self.distances:
            pairs = frame_features.measured_pairs(kept)
            layer = frame_features.Distances(pairs, name="distances", **whole)
            collected.append(layer(values, found))
        x, known = (ops.concatenate(arrays, axis=-1) for arrays in zip(*collected, strict=True))
        packed = layout.timeline > 0
        deltas = conv_layers.TemporalDeltas(self.deltas, packed, name="deltas", **whole)
        return deltas(x, known, inputs["segment_ids"], inputs["position"])
