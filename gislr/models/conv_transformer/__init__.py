"""Convolutions over time and attention in turns."""

from gislr.models.conv_transformer.conv_transformer import ConvTransformer

__all__ = ["ConvTransformer"]
