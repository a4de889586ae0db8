"""AdamW as the reference used it: gradients clipped by the norm of each weight, head by head.

The reference's attention heads are layers of their own, so their gradients are clipped one by one;
here a weight holds all heads and says along which axes a head lies (`clip_axes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from gislr.models.layers import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class AdamW(keras.optimizers.AdamW):
    """Keras' AdamW with clipping by the norm of each weight, or of each of its heads.

    A variable's attribute `rate_factor`, if it has one, multiplies its learning rate and decay.

    Args:
        weight_norm: Largest norm of a gradient; `None` for no limit.
        **options: See `keras.optimizers.AdamW`.
    """

    def __init__(self, *, weight_norm: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.weight_norm = weight_norm

    def build(self, variables: Sequence[Any]) -> None:
        super().build(variables)
        self._clip_axes = [getattr(variable, "clip_axes", None) for variable in variables]
        self._rate_factors = [getattr(variable, "rate_factor", 1.0) for variable in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Clips one gradient, summed over all devices by then, and updates its variable."""
        index = self._get_variable_index(variable)
        if self.weight_norm is not None:
            gradient = clip(gradient, self.weight_norm, self._clip_axes[index])
        super().update_step(gradient, variable, learning_rate * self._rate_factors[index])

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        for variable in filter(self._use_weight_decay, variables):
            factor = self._rate_factors[self._get_variable_index(variable)]
            decay, rate = (
                ops.cast(value, variable.dtype)
                for value in (self.weight_decay, self.learning_rate * factor)
            )
            variable.assign(variable - variable * decay * rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight_norm": self.weight_norm}


@keras.saving.register_keras_serializable(PACKAGE)
class AdamWRectified(AdamW):
    """AdamW whose first steps are shortened as in RAdam, and the very first left out.

    After Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond"; where the
    paper steps without adaptive rates, in the first few steps, here weights stay.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one variable with the rectified rate."""
        step = ops.cast(self.iterations + 1, "float32")
        most = 2 / (1 - self.beta_2) - 1
        decayed = ops.power(ops.cast(self.beta_2, "float32"), step)
        length = most - 2 * step * decayed / (1 - decayed)
        squared = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
        factor = ops.where(length > 5, ops.sqrt(ops.maximum(squared, 0)), 0)
        rate = learning_rate * ops.cast(factor, learning_rate.dtype)
        super().update_step(gradient, variable, rate)


@keras.saving.register_keras_serializable(PACKAGE)
class AdamWUnscaledDecay(AdamW):
    """AdamW as tensorflow-addons had it: a step takes `weight_decay` of a weight at any rate.

    Only for repeating published numbers; at a constant rate it equals `AdamW` with
    `weight_decay / learning_rate`.
    """

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        for variable in variables:
            if self._use_weight_decay(variable):
                factor = self._rate_factors[self._get_variable_index(variable)]
                decay = ops.cast(self.weight_decay * factor, variable.dtype)
                self.assign_sub(variable, variable * decay)


def clip(gradient: Any, norm: float, axes: tuple[int, ...] | None) -> Any:
    """Scales a gradient down to a norm, measured over some axes; over all when `None`."""
    squares = ops.sum(ops.square(gradient), axis=axes, keepdims=axes is not None)
    return gradient * (norm / ops.maximum(ops.sqrt(squares), norm))
