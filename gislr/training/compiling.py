"""Readies a backend and a model for training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from gislr.training.losses import Loss
from gislr.training.optimizers import OptimizerSettings


def prepare_backend(seed: int, deterministic: bool) -> None:
    """Seeds Python, NumPy and the backend; asks TensorFlow for repeatable operations.

    Args:
        seed: Decides weights, dropout and batches.
        deterministic: Whether operations must be repeatable.
    """
    keras.utils.set_random_seed(seed)
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def compile_model(
    model: Any, optimizer: OptimizerSettings, loss: Loss, *, soft_targets: bool = False
) -> None:
    """Gives a model its optimizer, loss and metrics.

    Args:
        model: What is trained.
        optimizer: The optimizer.
        loss: The loss.
        soft_targets: Whether batches say how much of each sign a clip shows, not which one.
    """
    signs = model.output_shape[-1]
    metrics = keras.metrics
    exact, among = (
        (metrics.CategoricalAccuracy, metrics.TopKCategoricalAccuracy)
        if soft_targets
        else (metrics.SparseCategoricalAccuracy, metrics.SparseTopKCategoricalAccuracy)
    )
    accuracies = [
        exact(name="acc"),
        *(among(k=min(k, signs), name=f"top_{k}_acc") for k in (5, 10)),
    ]
    model.compile(
        optimizer=optimizer.build(),
        loss=loss.build(signs),
        weighted_metrics=accuracies,
        jit_compile=_compiles(),
    )


def _compiles() -> bool:
    """XLA makes TensorFlow slower on a CPU; JAX is nothing without it."""
    if keras.backend.backend() != "tensorflow":
        return True
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def trainable_parameters(model: Any) -> int:
    """Returns the number of weights that training changes."""
    return int(sum(np.prod(variable.shape) for variable in model.trainable_variables))
