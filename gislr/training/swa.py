"""The mean of the weights of a training's last epochs.

After Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class WeightAverage:
    """Adds up a model's weights, epoch by epoch, in float64.

    The moving statistics of normalizations are averaged with the rest, instead of measured again.

    Args:
        model: Whose weights.

    Attributes:
        count: How many times weights were counted.
        total: Their sum, float64.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.count = 0
        self.total: list[NDArray[Any]] = []

    def add(self) -> None:
        """Counts the weights that the model has now."""
        now = [np.asarray(weight, np.float64) for weight in self._model.get_weights()]
        self.total = [a + b for a, b in zip(self.total, now, strict=True)] if self.total else now
        self.count += 1

    def put_in_place(self) -> None:
        """Gives the model the mean; whole numbers, such as a seed's state, stay as they are."""
        averaged = [
            (total / self.count).astype(weight.dtype) if weight.dtype.kind == "f" else weight
            for total, weight in zip(self.total, self._model.get_weights(), strict=True)
        ]
        self._model.set_weights(averaged)
