"""The report's transformer."""

from gislr.models.transformer.transformer import TransformerSettings, build_transformer

__all__ = ["TransformerSettings", "build_transformer"]
