"""The loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gislr.errors import SettingError


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
