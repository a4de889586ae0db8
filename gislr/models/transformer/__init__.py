"""The report's transformer."""

from gislr.models.transformer.transformer import Transformer

__all__ = ["Transformer"]
