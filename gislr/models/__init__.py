"""Model families and what they share."""

from gislr.models.families import MODELS, Family, build_model, layout_of

__all__ = ["MODELS", "Family", "build_model", "layout_of"]
