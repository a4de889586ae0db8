"""The report's transformer, after Mark Wijkhuizen's notebook.

Parts of a frame are embedded, combined, placed in time, pass through blocks of attention and a
two-layer perceptron without normalization, and are averaged over the clip. 5,315,965 parameters at
the defaults with 250 signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from gislr.batches.packing import Layout
from gislr.data.preprocessing import PreprocessingSettings
from gislr.utils.errors import SettingError, unknown_name

ATTENTION_MASKS = ("keys", "queries")
NORMALizATIONS = ("none", "layer", "rms")


@dataclass(frozen=True)
class TransformerSettings:
    """Sizes and rates; the values stand in `conf/model/transformer.yaml`.

    Attributes:
        name: `transformer`.
        units: Width of the blocks.
        landmark_units: Width of the parts' embeddings.
        num_blocks: Number of blocks.
        num_heads: Attention heads; divides `units`.
        mlp_ratio: Width of a block's perceptron, as a multiple of `units`.
        embedding_dropout: Dropout of the embedded frames.
        mlp_dropout: Dropout inside the perceptrons.
        classifier_dropout: Dropout of the clip's vector.
        frame_masking: Probability that a frame is masked in training.
        mask_at_inference: Whether frames are masked outside training too, as in the reference.
        normalization: Of the frames before each attention and perceptron: `none` as in the
            reference, `layer` or `rms`.
        attention_mask: `keys`, or `queries` for the reference's.
    """

    name: str
    units: int
    landmark_units: int
    num_blocks: int
    num_heads: int
    mlp_ratio: float
    embedding_dropout: float
    mlp_dropout: float
    classifier_dropout: float
    frame_masking: float
    mask_at_inference: bool
    normalization: str
    attention_mask: str

    gap: ClassVar[int] = 0

    @property
    def packed(self) -> bool:
        """Whether clips may share rows: not where frames see what lies beside their clip."""
        return self.attention_mask == "keys"

    @property
    def inference_masking(self) -> float:
        """The share of frames that are masked outside training."""
        return self.frame_masking if self.mask_at_inference else 0.0

    def __post_init__(self) -> None:
        for key in ("units", "landmark_units", "num_heads"):
            if getattr(self, key) < 1:
                raise SettingError(f"model.{key} must be at least 1; got {getattr(self, key)}.")
        if self.num_blocks < 0:
            raise SettingError(f"model.num_blocks must be at least 0; got {self.num_blocks}.")
        if self.units * self.mlp_ratio < 1:
            raise SettingError(f"model.mlp_ratio must be above 0; got {self.mlp_ratio}.")
        if self.units % self.num_heads:
            raise SettingError(
                f"model.units must be a multiple of model.num_heads; got {self.units} and "
                f"{self.num_heads}."
            )
        for key in ("embedding_dropout", "mlp_dropout", "classifier_dropout", "frame_masking"):
            if not 0 <= getattr(self, key) < 1:
                raise SettingError(
                    f"model.{key} must be at least 0 and below 1; got {getattr(self, key)}."
                )
        if self.normalization not in NORMALizATIONS:
            raise unknown_name("model.normalization", self.normalization, NORMALizATIONS)
        if self.attention_mask not in ATTENTION_MASKS:
            raise unknown_name("model.attention_mask", self.attention_mask, ATTENTION_MASKS)


def build_transformer(
    settings: TransformerSettings,
    *,
    signs: int,
    layout: Layout,
    preprocessing: PreprocessingSettings,
    precision: str,
) -> Any:
    """Builds the model.

    Args:
        settings: Sizes and rates.
        signs: Number of signs.
        layout: The shape of the rows it reads; it changes no weight.
        preprocessing: What the frames hold; the most frames of a clip size the position table.
        precision: A dtype policy of Keras, such as `float32` or `mixed_bfloat16`.

    Returns:
        A `keras.Model` from `frames` float32 [rows, row frames, landmarks, axes], NaN where
        missing, `position` and
        `segment_ids` int32 [rows, row frames] to logits float32 [rows, segments, signs].
    """
    import keras

    from gislr.models import layers
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
        if settings.normalization == "none":
            return inputs
        return layers.normalization(settings.normalization, name=name, **policy)(inputs)

    shape = layout.input_shape
    frames = keras.Input(batch_shape=(*shape, *preprocessing.shape), name="frames")
    position = keras.Input(batch_shape=shape, dtype="int32", name="position")
    segment_ids = keras.Input(batch_shape=shape, dtype="int32", name="segment_ids")

    values, found = layers.SplitMissing(name="split_missing", **whole)(frames)
    landmarks = layers.Standardize(name="standardize", **whole)(values, found)
    parts = [
        layers.PartEmbedding(
            settings.landmark_units, part.start, part.stop, name=f"{name}_embedding", **policy
        )(landmarks, found)
        for name, part in preprocessing.landmark_set.parts.items()
    ]
    x = layers.WeightedSum(name="part_weights", **policy)(parts)
    x = gelu(dense(settings.units, "glorot_uniform", "merge_1", bias=False)(x))
    x = dense(settings.units, "he_uniform", "merge_2", bias=False)(x)
    x = x + keras.layers.Embedding(
        preprocessing.frames + 1,
        settings.units,
        embeddings_initializer="zeros",
        name="position_embedding",
        **policy,
    )(position)
    x = keras.layers.Dropout(settings.embedding_dropout, name="embedding_dropout", **policy)(x)
    for k in range(settings.num_blocks):
        attention = SegmentAttention(
            settings.num_heads, settings.attention_mask, name=f"block_{k}_attention", **policy
        )
        x = x + attention(normalized(x, f"block_{k}_attention_norm"), segment_ids)
        hidden = dense(
            round(settings.units * settings.mlp_ratio), "glorot_uniform", f"block_{k}_mlp_1"
        )(normalized(x, f"block_{k}_mlp_norm"))
        hidden = keras.layers.Dropout(settings.mlp_dropout, name=f"block_{k}_dropout", **policy)(
            gelu(hidden)
        )
        x = x + dense(settings.units, "he_uniform", f"block_{k}_mlp_2")(hidden)
    clips = layers.ClipMean(layout.segments, name="clip_mean", **whole)(x, segment_ids)
    clips = keras.layers.Dropout(settings.classifier_dropout, name="clip_dropout", **whole)(clips)
    logits = keras.layers.Dense(
        signs, kernel_initializer="glorot_uniform", name="classifier", **whole
    )(clips)
    return keras.Model(
        {"frames": frames, "position": position, "segment_ids": segment_ids},
        logits,
        name="transformer",
    )
