"""The report's transformer, after Mark Wijkhuizen's notebook.

Parts of a frame are embedded and combined, get a position embedding, pass through blocks of
attention and a two-layer perceptron without normalization, and are averaged over the clip.
5,315,965 parameters at the defaults with 250 signs.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from gislr.batches.packing import Layout
from gislr.data.preprocessing import PreprocessingSettings
from gislr.models.families import MODELS, AttentionSettings
from gislr.utils.settings import AboveZero, Positive, Rate, Whole


@MODELS.register("transformer")
class Transformer(AttentionSettings):
    """Settings of the transformer; `conf/model/transformer.yaml` explains the keys."""

    name: str
    landmark_units: Positive
    num_blocks: Whole
    mlp_ratio: AboveZero
    embedding_dropout: Rate
    mlp_dropout: Rate
    classifier_dropout: Rate
    frame_masking: Rate
    mask_at_inference: bool
    normalization: Literal["none", "layer", "rms"]
    attention_mask: Literal["keys", "queries"]
    last_frame_position: Literal["own", "padding"]

    gap: ClassVar[int] = 0

    @property
    def packed(self) -> bool:
        """Whether clips may share rows: not where frames attend to what lies beside their clip."""
        return self.attention_mask == "keys"

    @property
    def inference_masking(self) -> float:
        """Probability that a frame is masked outside training."""
        return self.frame_masking if self.mask_at_inference else 0.0

    def build(
        self, *, signs: int, layout: Layout, preprocessing: PreprocessingSettings, precision: str
    ) -> Any:
        """Builds the model, see `gislr.models.Family.build`."""
        import keras

        from gislr.models import embeddings, layers
        from gislr.models.attention import SegmentAttention

        policy: dict[str, Any] = {"dtype": precision}
        whole: dict[str, Any] = {"dtype": "float32"}

        def dense(units: int, initializer: str, name: str, bias: bool = True) -> Any:
            return layers.Dense(
                units, use_bias=bias, kernel_initializer=initializer, name=name, **policy
            )

        def gelu(inputs: Any) -> Any:
            return layers.Gelu(**policy)(inputs)

        def normalized(inputs: Any, name: str) -> Any:
            if self.normalization == "none":
                return inputs
            return layers.normalization(self.normalization, name=name, **policy)(inputs)

        inputs = layers.row_inputs(layout, preprocessing)
        values, found = layers.SplitMissing(name="split_missing", **whole)(inputs["frames"])
        landmarks = layers.Standardize(name="standardize", **whole)(values, found)
        parts = [
            embeddings.PartEmbedding(
                self.landmark_units, part.start, part.stop, name=f"{name}_embedding", **policy
            )(landmarks, found)
            for name, part in preprocessing.landmark_set.parts.items()
        ]
        x = layers.WeightedSum(name="part_weights", **policy)(parts)
        x = gelu(dense(self.units, "glorot_uniform", "merge_1", bias=False)(x))
        x = dense(self.units, "he_uniform", "merge_2", bias=False)(x)
        x = x + embeddings.Embedding(
            preprocessing.frames + 1,
            self.units,
            embeddings_initializer="zeros",
            name="position_embedding",
            **policy,
        )(inputs["position"])
        x = keras.layers.Dropout(self.embedding_dropout, name="embedding_dropout", **policy)(x)
        wide = max(1, round(self.units * self.mlp_ratio))
        for k in range(self.num_blocks):
            attention = SegmentAttention(
                self.num_heads, self.attention_mask, name=f"block_{k}_attention", **policy
            )
            x = x + attention(normalized(x, f"block_{k}_attention_norm"), inputs["segment_ids"])
            hidden = dense(wide, "glorot_uniform", f"block_{k}_mlp_1")(
                normalized(x, f"block_{k}_mlp_norm")
            )
            hidden = keras.layers.Dropout(self.mlp_dropout, name=f"block_{k}_dropout", **policy)(
                gelu(hidden)
            )
            x = x + dense(self.units, "he_uniform", f"block_{k}_mlp_2")(hidden)
        clips = layers.ClipMean(layout.segments, name="clip_mean", **whole)(
            x, inputs["segment_ids"]
        )
        clips = keras.layers.Dropout(self.classifier_dropout, name="clip_dropout", **whole)(clips)
        logits = keras.layers.Dense(signs, name="classifier", **whole)(clips)
        return keras.Model(inputs, logits, name=self.name)
