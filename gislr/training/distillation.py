"""Soft labels from the probabilities of trained models.

After Hinton et al. 2015, "Distilling the Knowledge in a Neural Network". The temperature softens
the teachers' probabilities only; the student's logits keep a temperature of 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def soft_labels(
    labels: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    *,
    alpha: float,
    temperature: float = 1.0,
) -> NDArray[np.float32]:
    """Returns alpha * p^(1 / temperature) / sum(p^(1 / temperature)) + (1 - alpha) * one-hot label.

    Args:
        labels: int32 [clips].
        probabilities: float32 [clips, signs], p, the teachers' probabilities.
        alpha: Weight of the teachers.
        temperature: Above 0; 1 leaves p as it is.

    Returns:
        float32 [clips, signs].

    Example:
        >>> import numpy as np
        >>> from gislr.training.distillation import soft_labels
        >>> p = np.array([[0.5, 0.25, 0.25]], np.float32)
        >>> soft_labels(np.array([0], np.int32), p, alpha=0.5).tolist()
        [[0.75, 0.125, 0.125]]
    """
    if temperature != 1:
        probabilities = probabilities ** (1 / temperature)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
    mixed = alpha * probabilities
    mixed[np.arange(len(labels)), labels] += 1 - alpha
    return mixed.astype(np.float32)
