"""Losses by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gislr.utils.registry import Registry
from gislr.utils.settings import Rate, Settings


class Loss(Settings):
    """Base of losses; a subclass adds `per_clip`, and keys of its own.

    A training minimizes it. The `loss` of held-out clips, `val_loss`, is always the cross-entropy
    with the same label smoothing, see `gislr.evaluation.metrics.scores`.

    Attributes:
        name: The name under which it is registered.
        label_smoothing: Share of each label that is spread evenly over all signs.
    """

    name: str
    label_smoothing: Rate

    def per_clip(self, soft_labels: Any, logits: Any) -> Any:
        """Returns the loss of every clip, a tensor [...].

        Args:
            soft_labels: [..., signs], smoothed; they add up to 1.
            logits: [..., signs].
        """
        raise NotImplementedError

    def build(self, *heads: int) -> Callable[[Any, Any], Any]:
        """Returns the function that Keras minimizes.

        It takes labels, int32 [...] or float32 [..., signs], and logits [..., signs].

        Args:
            heads: How many signs each head has; a single one unless a training is joint.
        """
        from keras import ops

        from gislr.training.heads import own_logits, smoothed

        def loss(labels: Any, logits: Any) -> Any:
            soft = len(labels.shape) == len(logits.shape)
            soft_labels = labels if soft else ops.one_hot(ops.cast(labels, "int32"), sum(heads))
            soft_labels = ops.cast(soft_labels, logits.dtype)
            return self.per_clip(
                smoothed(soft_labels, self.label_smoothing, heads),
                own_logits(soft_labels, logits, heads),
            )

        return loss


LOSSES: Registry[type[Loss]] = Registry("loss", "gislr.training.losses")
"""Losses by name; those of other packages come from the entry points `gislr.loss`."""
