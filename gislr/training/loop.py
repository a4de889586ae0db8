"""The training loop: one epoch after another, handed to the caller as they are done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from gislr.batches.sequences import TrainingBatches
from gislr.errors import GislrError
from gislr.models.layers import LateDropout
from gislr.training.averaging import WeightAverage
from gislr.training.losses import LossSettings, build_loss
from gislr.training.optimizers import OptimizerSettings, build_optimizer
from gislr.training.perturbation import PerturbedModel
from gislr.training.schedules import ScheduleSettings, factor
from gislr.training.trainer import LABELS, WEIGHTS

OnStep = Callable[[int, dict[str, float]], None]
"""Called after each step with its number, from 0, and the epoch's metrics so far."""


class TrainingDiverged(GislrError):
    """The loss is no number any more."""


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to.

    Attributes:
        number: From 0.
        metrics: loss, acc, top_5_acc, top_10_acc, learning_rate and clips_per_second.
    """

    number: int
    metrics: dict[str, float]


class _EpochBatches(keras.utils.PyDataset):
    """One epoch's batches, built ahead in the background."""

    def __init__(self, batches: TrainingBatches, epoch: int, inputs: Container[str]) -> None:
        super().__init__(workers=2, max_queue_size=4)
        self._batches = batches
        self._epoch = epoch
        self._inputs = inputs

    def __len__(self) -> int:
        return self._batches.steps_per_epoch

    def __getitem__(self, step: int) -> tuple[dict[str, Any], Any, Any]:
        batch = self._batches.batch(self._epoch, step)
        shown = batch.labels if batch.targets is None else batch.targets
        weights = batch.weights()
        also = {LABELS: shown, WEIGHTS: weights} if LABELS in self._inputs else {}
        return batch.inputs() | also, shown, weights


class _StepCallback(keras.callbacks.Callback):
    def __init__(self, on_step: OnStep) -> None:
        super().__init__()
        self._on_step = on_step

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._on_step(batch, logs or {})


class _KeptWeights(keras.callbacks.Callback):
    """Keeps an epoch's weights, since Keras puts their moving average in place after it."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.model.optimizer.use_ema:
            self._weights = [np.array(variable) for variable in self.model.trainable_variables]

    def restore(self) -> None:
        """Lets training go on from the weights themselves."""
        if self.model.optimizer.use_ema:
            for variable, value in zip(self.model.trainable_variables, self._weights, strict=True):
                variable.assign(value)


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
    model: Any, optimizer: OptimizerSettings, loss: LossSettings, *, several_signs: bool = False
) -> None:
    """Gives a model its optimiser, loss and metrics.

    Args:
        model: What is trained.
        optimizer: The optimiser.
        loss: The loss.
        several_signs: Whether batches say how much of each sign a clip shows, not which one.
    """
    signs = model.output_shape[-1]
    metrics = keras.metrics
    exact, among = (
        (metrics.CategoricalAccuracy, metrics.TopKCategoricalAccuracy)
        if several_signs
        else (metrics.SparseCategoricalAccuracy, metrics.SparseTopKCategoricalAccuracy)
    )
    accuracies = [
        exact(name="acc"),
        *(among(k=min(k, signs), name=f"top_{k}_acc") for k in (5, 10)),
    ]
    model.compile(
        optimizer=build_optimizer(optimizer),
        loss=build_loss(loss, signs),
        weighted_metrics=accuracies,
        jit_compile=_compiles(),
    )


def _compiles() -> bool:
    """XLA makes TensorFlow slower on a CPU; JAX is nothing without it."""
    if keras.backend.backend() != "tensorflow":
        return True
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def train_epochs(
    model: Any,
    batches: TrainingBatches,
    *,
    epochs: int,
    learning_rate: float,
    schedule: ScheduleSettings,
    averaged_epochs: int = 0,
    perturbation: float = 0.0,
    perturbation_epoch: int = 0,
    on_step: OnStep = lambda step, metrics: None,
) -> Iterator[Epoch]:
    """Trains a compiled model; the caller evaluates and records between epochs.

    Args:
        model: What `trainer_of` returned, compiled.
        batches: What it is trained on.
        epochs: Number of epochs.
        learning_rate: The rate that the schedule multiplies.
        schedule: Its factor for each epoch.
        averaged_epochs: Of how many last epochs the weights are averaged after the last one.
        perturbation: How far weights are moved for a gradient, see `PerturbedModel`.
        perturbation_epoch: The first epoch, from 0, in which they are.
        on_step: Called after each step.

    Raises:
        TrainingDiverged: The loss is infinite or no number.
    """
    kept, average = _KeptWeights(), WeightAverage(model)
    for epoch in range(epochs):
        rate = learning_rate * factor(schedule, epoch, epochs)
        model.optimizer.learning_rate = rate
        begin_dropout(model, epoch)
        if isinstance(model, PerturbedModel):
            model.perturb(perturbation if epoch >= perturbation_epoch else 0.0)
        began = time.perf_counter()
        history = model.fit(
            _EpochBatches(batches, epoch, model.input),
            epochs=1,
            verbose=0,
            shuffle=False,
            callbacks=[_StepCallback(on_step), kept],
        ).history
        seconds = time.perf_counter() - began
        metrics = {name: float(values[-1]) for name, values in history.items()}
        if not math.isfinite(metrics["loss"]):
            raise TrainingDiverged(
                f"The loss must stay a number; it was {metrics['loss']} in epoch {epoch + 1} at a "
                f"learning rate of {rate:.2g}. Lower optimizer.learning_rate."
            )
        metrics["learning_rate"] = rate
        metrics["clips_per_second"] = batches.steps_per_epoch * batches.clips_per_batch / seconds
        if epoch >= epochs - averaged_epochs:
            average.add()
            if epoch + 1 == epochs:
                average.put_in_place()
        yield Epoch(epoch, metrics)
        if epoch + 1 < epochs:
            kept.restore()


def begin_dropout(model: Any, epoch: int) -> None:
    """Tells the layers that drop out only after some epochs which one begins, from 0."""
    for layer in model.layers:
        if isinstance(layer, LateDropout):
            layer.begin_epoch(epoch)


def trainable_parameters(model: Any) -> int:
    """Returns the number of weights that training changes."""
    return int(sum(np.prod(variable.shape) for variable in model.trainable_variables))
