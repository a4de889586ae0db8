"""Adversarial weight perturbation (AWP): gradients are taken at weights that were moved uphill.

With g the gradient of a variable w, and |.| the Euclidean norm of all its values:

- `absolute`: w + epsilon * g / |g|, of every trainable variable. The winner of the Kaggle
  competition "Google - Isolated Sign Language Recognition" (Hoyeol Sohn, 2023) used epsilon 0.2.
- `relative`: w + epsilon * |w| * g / |g|, of matrices only; biases and normalizations stay. From Wu
  et al. 2020, "Adversarial Weight Perturbation Helps Robust Generalization", with epsilon 0.005 to
  0.01.

The optimizer then updates the unperturbed weights with the gradient found there.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gislr.training.training_settings import AWPSettings

_TINY = 1e-12


def perturbation(weights: Any, gradient: Any, settings: AWPSettings) -> Any:
    """Returns what is added to a variable, a tensor, or `None` for nothing.

    Args:
        weights: The variable's values.
        gradient: Its gradient, or `None`.
        settings: See the module.

    Example:
        >>> import numpy as np
        >>> from gislr.training.awp import perturbation
        >>> from gislr.training.training_settings import AWPSettings
        >>> settings = AWPSettings(epsilon=0.2, formula="absolute", start_epoch=0)
        >>> w, g = np.array([1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float32)
        >>> np.asarray(perturbation(w, g, settings)).round(3)
        array([0.12, 0.16], dtype=float32)
    """
    import tensorflow as tf

    relative = settings.formula == "relative"
    if gradient is None or (relative and len(weights.shape) < 2):
        return None
    gradient = tf.convert_to_tensor(gradient)
    size = settings.epsilon / (tf.norm(gradient) + _TINY)
    return (size * tf.norm(weights) if relative else size) * gradient


class AWPModel(keras.Model):
    """A functional model that can be trained with AWP; on TensorFlow only.

    Attributes:
        awp: The settings; `trainer_of` sets them.
        perturbs: Whether the next steps are perturbed.
    """

    awp: AWPSettings
    perturbs = False

    def train_step(self, data: Any) -> dict[str, Any]:
        """See `keras.Model.train_step`; the loss and the metrics are those before perturbation."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        variables = self.trainable_variables
        predicted, loss, gradients = self._gradients(x, y, weight)
        if self.perturbs:
            before = [ops.copy(variable.value) for variable in variables]
            for variable, gradient in zip(variables, gradients, strict=True):
                added = perturbation(variable.value, gradient, self.awp)
                if added is not None:
                    variable.assign_add(added)
            _, _, gradients = self._gradients(x, y, weight)
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
        self._loss_tracker.update_state(loss, sample_weight=ops.shape(weight)[0])
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        metrics: dict[str, Any] = self.compute_metrics(x, y, predicted, sample_weight=weight)
        return metrics

    def _gradients(self, x: Any, y: Any, weight: Any) -> tuple[Any, Any, list[Any]]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(x, y, predicted, weight, training=True)
        gradients = tape.gradient(loss, [each.value for each in self.trainable_variables])
        return predicted, loss, gradients

    def begin_epoch(self, epoch: int) -> None:
        """Starts the perturbations if they are due in an epoch, counted from 0."""
        due = epoch >= self.awp.start_epoch
        if due != self.perturbs:
            self.perturbs = due
            self.make_train_function(force=True)
