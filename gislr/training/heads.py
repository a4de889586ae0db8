"""Several sets of signs in one row of logits, a head each: a clip knows only its own head.

For joint training (`data.also`), after Caruana 1997, "Multitask Learning".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_NEVER = -1e9
"""The logit of a sign of another head: its probability is 0, and so is its gradient."""


def own_signs(soft_labels: Any, heads: Sequence[int]) -> Any:
    """Returns which signs belong to the head of a clip's labels.

    Args:
        soft_labels: float32 [..., signs], labels of one head for each clip; the heads' signs follow
            each other.
        heads: How many signs each head has.

    Returns:
        bool [..., signs]; false throughout where there is no label.

    Example:
        >>> import numpy as np
        >>> from gislr.training.heads import own_signs
        >>> np.asarray(own_signs(np.array([[0.0, 0.0, 0.4, 0.6, 0.0]], np.float32), [2, 3]))
        array([[False, False,  True,  True,  True]])
    """
    from keras import ops

    member = np.repeat(np.eye(len(heads), dtype=np.float32), heads, axis=0)
    of_head = ops.matmul(ops.cast(soft_labels, "float32"), member)
    return ops.matmul(of_head, member.T) > 0.5


def own_logits(soft_labels: Any, logits: Any, heads: Sequence[int]) -> Any:
    """Returns logits in which no other head's sign can be taken, see `own_signs`."""
    from keras import ops

    if len(heads) == 1:
        return logits
    return ops.where(own_signs(soft_labels, heads), logits, _NEVER)


def smoothed(soft_labels: Any, smoothing: float, heads: Sequence[int]) -> Any:
    """Returns labels of which a share is spread evenly over the signs of their head.

    Args:
        soft_labels: float32 [..., signs], see `own_signs`.
        smoothing: The share.
        heads: How many signs each head has.
    """
    from keras import ops

    if not smoothing:
        return soft_labels
    evenly: Any = smoothing / heads[0]
    if len(heads) > 1:
        own = ops.cast(own_signs(soft_labels, heads), soft_labels.dtype)
        evenly = own * (smoothing / np.repeat(heads, heads)).astype(np.float32)
    return soft_labels * (1 - smoothing) + evenly


def metrics(heads: Sequence[int], *, soft_labels: bool) -> list[Any]:
    """Returns the metrics of training clips, each clip among the signs of its own head.

    Args:
        heads: How many signs each head has.
        soft_labels: Whether labels are float32 [..., signs]; int32 [...] otherwise.
    """
    import keras

    signs, kinds = sum(heads), keras.metrics
    accuracy, top_k = (
        (kinds.categorical_accuracy, kinds.top_k_categorical_accuracy)
        if soft_labels
        else (kinds.sparse_categorical_accuracy, kinds.sparse_top_k_categorical_accuracy)
    )

    def metric(name: str, of: Callable[..., Any], **options: int) -> Any:
        def value(labels: Any, logits: Any) -> Any:
            if len(heads) > 1:
                soft = labels if soft_labels else keras.ops.one_hot(labels, signs)
                logits = own_logits(soft, logits, heads)
            return of(labels, logits, **options)

        return kinds.MeanMetricWrapper(value, name=name)

    return [
        metric("acc", accuracy),
        *(metric(f"top_{k}_acc", top_k, k=min(k, signs)) for k in (5, 10)),
    ]
