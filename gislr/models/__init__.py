"""Model families and what they share."""

from gislr.models.families import FAMILIES, build_model, layout_of, model_settings

__all__ = ["FAMILIES", "build_model", "layout_of", "model_settings"]
