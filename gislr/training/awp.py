"""Steps whose gradient is taken at weights that were moved uphill.

After Wu et al. 2020, "Adversarial Weight Perturbation Helps Robust Generalization", as the Kaggle
competition's winner used it. On TensorFlow only: how a step is made is the backend's own.
"""

from __future__ import annotations

from typing import Any

import keras

from gislr.utils.errors import SettingError

_LEAST = 1e-12


class PerturbedModel(keras.Model):
    """A functional model with such steps, which take twice as long.

    Only matrices are moved; biases and normalizations stay.

    Attributes:
        reach: How far each matrix is moved, as a share of its norm; 0 for plain steps.
    """

    reach: float = 0.0

    def train_step(self, data: Any) -> dict[str, Any]:
        """See `keras.Model.train_step`."""
        import tensorflow as tf

        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        variables = self.trainable_variables

        def gradients() -> tuple[Any, Any, list[Any]]:
            with tf.GradientTape() as tape:
                predicted = self(x, training=True)
                loss = self.compute_loss(x, y, predicted, weight, training=True)
            return predicted, loss, tape.gradient(loss, [each.value for each in variables])

        predicted, loss, found = gradients()
        if self.reach:
            before = [tf.identity(each.value) for each in variables]
            for variable, gradient in zip(variables, found, strict=True):
                if gradient is not None and len(variable.shape) > 1:
                    size = self.reach * tf.norm(variable.value) / (tf.norm(gradient) + _LEAST)
                    variable.assign_add(size * gradient)
            _, _, found = gradients()
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
        self._loss_tracker.update_state(loss, sample_weight=keras.ops.shape(weight)[0])
        self.optimizer.apply_gradients(zip(found, variables, strict=True))
        metrics: dict[str, Any] = self.compute_metrics(x, y, predicted, sample_weight=weight)
        return metrics

    def perturb(self, reach: float) -> None:
        """Changes how far weights are moved from the next step on."""
        if reach != self.reach:
            self.reach = reach
            self.make_train_function(force=True)


def require_backend() -> None:
    """Raises a SettingError where steps cannot be made so."""
    if keras.backend.backend() != "tensorflow":
        raise SettingError(
            "awp.epsilon works on TensorFlow only; got KERAS_BACKEND="
            f"{keras.backend.backend()}. Set it to 0."
        )
