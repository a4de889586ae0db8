"""Convolutions over time and attention in turns."""

from gislr.models.conv_transformer.conv_transformer import (
    ConvTransformerSettings,
    build_conv_transformer,
)

__all__ = ["ConvTransformerSettings", "build_conv_transformer"]
