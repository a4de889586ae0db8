"""Convolutions over time and attention in turns, after the Kaggle competition's winner.

The winner (Hoyeol Sohn, "1st place solution: 1DCNN combined with Transformer") reads 118 landmarks
and their deltas; this family reads what the store holds, with deltas if asked for. About 1.8
million parameters at the defaults with 250 signs.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from gislr.batches.packing import OWN, Layout
from gislr.data.preprocessing import PreprocessingSettings
from gislr.models.families import MODELS, AttentionSettings
from gislr.utils.settings import Positive, Rate, Whole

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
        """Positions between clips of a row: as far back as a convolution reaches."""
        return self.kernel - 1

    def build(
        self, *, signs: int, layout: Layout, preprocessing: PreprocessingSettings, precision: str
    ) -> Any:
        """Builds the model, see `gislr.models.Family.build`."""
        import keras

        from gislr.models import layers as shared
        from gislr.models.attention import SegmentAttention
        from gislr.models.conv_transformer import conv_layers as layers
        from gislr.models.conv_transformer.frame_features import frame_features

        policy: dict[str, Any] = {"dtype": precision}
        whole: dict[str, Any] = {"dtype": "float32"}
        wide = self.units * self.expansion
        inputs = shared.row_inputs(layout, preprocessing)
        segment_ids = inputs["segment_ids"]

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
            inner = layers.CausalConvolution(self.kernel, name=name, **policy)(inner, segment_ids)
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

        x = frame_features(
            inputs,
            layout,
            preprocessing,
            centering=self.centering,
            wrist_relative_hand=self.wrist_relative_hand,
            distances=self.distances,
            deltas=self.deltas,
        )
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
