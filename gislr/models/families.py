"""The model families by name; a configuration names one, never an import path."""

from __future__ import annotations

from typing import Any, Protocol, Self

from pydantic import model_validator

from gislr.batches.packing import Layout, layout_for
from gislr.data.landmark_statistics import Statistics
from gislr.data.preprocessing import PreprocessingSettings
from gislr.utils.errors import SettingError
from gislr.utils.registry import Registry
from gislr.utils.settings import Positive, Settings


class AttentionSettings(Settings):
    """Settings of models with attention.

    Attributes:
        units: Width of the blocks.
        num_heads: Attention heads; divides `units`.
    """

    units: Positive
    num_heads: Positive

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.units % self.num_heads:
            raise SettingError(
                "model.units must be a multiple of model.num_heads; got "
                f"{self.units} and {self.num_heads}."
            )
        return self


class Family(Protocol):
    """A kind of model: settings that build it.

    A family is a class of settings (`gislr.utils.settings.Settings`) that is registered by name:
    `@MODELS.register("transformer")`. Apart from its keys it has what stands here, as a key, a
    property or a class variable.
    """

    @property
    def name(self) -> str:
        """The name under which it is registered."""

    @property
    def frame_masking(self) -> float:
        """Probability that a frame is masked in training."""

    @property
    def inference_masking(self) -> float:
        """Probability that a frame is masked outside training."""

    @property
    def packed(self) -> bool:
        """Whether clips may share rows, see `gislr.batches.packing`."""

    @property
    def gap(self) -> int:
        """How many positions lie between clips of a row."""

    @property
    def last_frame_position(self) -> str:
        """See `gislr.batches.packing.positions`."""

    def build(
        self, *, signs: int, layout: Layout, preprocessing: PreprocessingSettings, precision: str
    ) -> Any:
        """Builds the model.

        Args:
            signs: Number of signs.
            layout: The shape of the rows that it reads; it changes no weight.
            preprocessing: What the frames hold.
            precision: A dtype policy of Keras, such as `float32` or `mixed_bfloat16`.

        Returns:
            A `keras.Model` from `frames` float32 [rows, row frames, landmarks, axes] (NaN where
            missing), `position` and `segment_ids` int32 [rows, row frames] to logits float32 [rows,
            segments, signs].
        """


MODELS: Registry[type[Family]] = Registry("model", "gislr.models")


def layout_of(settings: Family, most_frames: int, **others: Any) -> Layout:
    """Returns the shape of the rows that a model reads; `others` are further fields of it."""
    return layout_for(
        most_frames,
        packed=settings.packed,
        gap=settings.gap,
        last_frame_position=settings.last_frame_position,
        **others,
    )


def build_model(
    settings: Family,
    *,
    signs: int,
    layout: Layout,
    preprocessing: PreprocessingSettings,
    precision: str,
    statistics: Statistics | None = None,
) -> Any:
    """Builds a model from what `MODELS.read` returned, see `Family.build`.

    It standardizes landmarks with the statistics; without them nothing changes.
    """
    model = settings.build(
        signs=signs, layout=layout, preprocessing=preprocessing, precision=precision
    )
    if statistics is not None and "standardize" in {layer.name for layer in model.layers}:
        model.get_layer("standardize").set_weights([statistics.mean, statistics.std])
    return model
