"""The model families by name; a configuration names one, never an import path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gislr.batches.packing import Layout, layout_for
from gislr.data.landmark_statistics import Statistics
from gislr.data.preprocessing import PreprocessingSettings
from gislr.models.conv_transformer import ConvTransformerSettings, build_conv_transformer
from gislr.models.transformer import TransformerSettings, build_transformer
from gislr.utils.errors import unknown_name
from gislr.utils.settings import read_settings


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
        settings: The dataclass of its keys. Besides them it has `packed`, whether clips may share
            rows; `gap`, how many positions lie between them; `inference_masking`, the share of
            frames masked outside training.
        build: Builds the Keras model; see `build_transformer`.
    """

    settings: type[Any]
    build: Callable[..., Any]


FAMILIES: dict[str, Family] = {
    "conv_transformer": Family(ConvTransformerSettings, build_conv_transformer),
    "transformer": Family(TransformerSettings, build_transformer),
}


def model_settings(section: Mapping[str, Any]) -> Any:
    """Returns the family's settings for the `model` section of a configuration.

    Raises:
        SettingError: The name is unknown, a key is, or a value cannot be used.
    """
    name = section.get("name")
    if name not in FAMILIES:
        raise unknown_name("model.name", name, FAMILIES)
    return read_settings(FAMILIES[str(name)].settings, section, "model")


def layout_of(settings: Any, most_frames: int, devices: int = 1) -> Layout:
    """Returns the shape of the rows that a model reads, split over some devices."""
    return layout_for(most_frames, packed=settings.packed, gap=settings.gap, devices=devices)


def build_model(
    settings: Any,
    *,
    signs: int,
    layout: Layout,
    preprocessing: PreprocessingSettings,
    precision: str,
    statistics: Statistics | None = None,
) -> Any:
    """Builds a model of any family, see `build_transformer`.

    Args:
        settings: What `model_settings` returned.
        signs: Number of signs.
        layout: The shape of the rows it reads.
        preprocessing: What the frames hold.
        precision: A dtype policy of Keras.
        statistics: What it standardizes with; nothing changes without them.
    """
    model = FAMILIES[settings.name].build(
        settings, signs=signs, layout=layout, preprocessing=preprocessing, precision=precision
    )
    if statistics is not None and "standardize" in {layer.name for layer in model.layers}:
        model.get_layer("standardize").set_weights([statistics.mean, statistics.std])
    return model
