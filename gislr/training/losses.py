"""The losses' settings, and the cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gislr.utils.errors import SettingError


@dataclass(frozen=True)
class LossSettings:
    """The loss's keys.

    Attributes:
        label_smoothing: Share of the target spread evenly over all signs.
    """

    label_smoothing: float

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise SettingError(
                f"loss.label_smoothing must be at least 0 and below 1; got {self.label_smoothing}."
            )


@dataclass(frozen=True)
class ArcFaceSettings:
    """How much angles count, and how far apart signs must be.

    Attributes:
        weight: How much the loss counts beside the cross-entropy; 0 for not at all.
        margin: By how much, in radians, a clip must be nearer to its sign than to others.
        scale: What cosines are multiplied with before they are compared.
    """

    weight: float
    margin: float
    scale: float

    def __post_init__(self) -> None:
        for key in ("weight", "margin", "scale"):
            if getattr(self, key) < 0:
                raise SettingError(f"arcface.{key} must be at least 0; got {getattr(self, key)}.")


def build_loss(settings: LossSettings, signs: int) -> Any:
    """Returns cross-entropy of logits [..., signs] with labels, smoothed.

    Labels are whole numbers [...], or how much of each sign a clip shows, float32 [..., signs].
    """
    import keras

    def smoothed_crossentropy(labels: Any, logits: Any) -> Any:
        several = len(labels.shape) == len(logits.shape)
        targets = labels if several else keras.ops.one_hot(keras.ops.cast(labels, "int32"), signs)
        return keras.losses.categorical_crossentropy(
            targets, logits, from_logits=True, label_smoothing=settings.label_smoothing
        )

    return smoothed_crossentropy
