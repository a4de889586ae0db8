"""Averages of weights: EMA after every epoch, SWA after the last."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class WeightAverages(keras.callbacks.Callback):
    """Puts averages of the weights in place after an epoch, and the weights back before the next.

    The exponential moving average (EMA) is the optimizer's, `optimizer.ema_momentum`. Keras' own
    `SwapEMAWeights` swaps by adding and subtracting, which changes the last bits of weights.

    Stochastic weight averaging (SWA) is the mean of the weights after each of the last epochs, from
    Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization". The
    moving statistics of normalizations are averaged, too, instead of measured with the mean.

    Args:
        epochs: Number of epochs.
        swa_epochs: Number of last epochs that SWA averages; 0 for none.

    Attributes:
        trained: The weights with which training continues, where an average is in place.
        total: The sum of the weights that SWA averages, float64.
        count: How many they are.
    """

    def __init__(self, epochs: int, swa_epochs: int) -> None:
        super().__init__()
        self._epochs, self._swa_epochs = epochs, swa_epochs
        self.trained: list[NDArray[Any]] = []
        self.total: list[NDArray[Any]] = []
        self.count = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Puts the weights back with which training continues."""
        for variable, value in zip(self.model.trainable_variables, self.trained, strict=False):
            variable.assign(value)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Puts the EMA in place, and after the last epoch the mean."""
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        if optimizer.use_ema:
            self.trained = [np.array(variable) for variable in variables]
            optimizer.finalize_variable_values(variables)
            # JAX puts the average itself in place, whose memory a prediction then gives away.
            for variable in variables:
                variable.assign(np.array(variable))
        if epoch >= self._epochs - self._swa_epochs:
            now = [np.asarray(weight, np.float64) for weight in self.model.get_weights()]
            sums = zip(self.total or map(np.zeros_like, now), now, strict=True)
            self.total = [total + weights for total, weights in sums]
            self.count += 1
        if epoch == self._epochs - 1:
            self._put_mean_in_place()

    def on_train_end(self, logs: Any = None) -> None:
        """Puts the mean back in place: at the end of a fit Keras puts the EMA there."""
        self._put_mean_in_place()

    def _put_mean_in_place(self) -> None:
        """Whole numbers, such as a seed's state, stay as they are."""
        if self.count:
            self.model.set_weights(
                [
                    (total / self.count).astype(now.dtype) if now.dtype.kind == "f" else now
                    for total, now in zip(self.total, self.model.get_weights(), strict=True)
                ]
            )
