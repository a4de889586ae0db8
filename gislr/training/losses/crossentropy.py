"""Cross-entropy."""

from __future__ import annotations

from typing import Any

from gislr.training.losses import LOSSES, Loss


@LOSSES.register("crossentropy")
class CrossEntropy(Loss):
    """Categorical cross-entropy in nats."""

    def per_clip(self, soft_labels: Any, logits: Any) -> Any:
        from keras.losses import categorical_crossentropy

        return categorical_crossentropy(soft_labels, logits, from_logits=True)
