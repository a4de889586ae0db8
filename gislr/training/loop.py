"""The training loop: one epoch after another, handed to the caller as they are done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gislr.batches.assembly import EMPTY
from gislr.batches.sequences import TrainingBatches
from gislr.models.layers import LateDropout
from gislr.training.awp import PerturbedModel
from gislr.training.schedules import Schedule
from gislr.training.swa import WeightAverage
from gislr.training.trainer import LABELS, WEIGHTS
from gislr.utils.errors import GislrError

Array = NDArray[Any]

OnStep = Callable[[int, dict[str, float]], None]
"""Called after each step with its number, from 0, and the epoch's metrics so far."""


class TrainingDiverged(GislrError):
    """The loss is no number any more.

    Args:
        message: When, at which learning rate, and what to do.
        clips: int64, the clips of the step.
    """

    def __init__(self, message: str, clips: NDArray[np.int64]) -> None:
        self.clips = clips
        super().__init__(message)


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
        shown = batch.labels if batch.soft_labels is None else batch.soft_labels
        weights = batch.weights()
        also = {LABELS: shown, WEIGHTS: weights} if LABELS in self._inputs else {}
        return batch.inputs() | also, shown, weights


class _StepCallback(keras.callbacks.Callback):
    """Tells of each step, and remembers the first after which the loss was no number."""

    def __init__(self, on_step: OnStep) -> None:
        super().__init__()
        self._on_step = on_step
        self.diverged: tuple[int, float] | None = None

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        loss = float((logs or {})["loss"])
        # The epoch goes on: TensorFlow complains of batches that nobody takes.
        if self.diverged is None and not math.isfinite(loss):
            self.diverged = batch, loss
        self._on_step(batch, logs or {})


class _KeptWeights(keras.callbacks.Callback):
    """Keeps an epoch's weights, since Keras puts their moving average in place after it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._trained = model
        self.weights: list[Array] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._trained.optimizer.use_ema:
            self.weights = [np.array(variable) for variable in self._trained.trainable_variables]

    def restore(self) -> None:
        """Lets training go on from the weights themselves."""
        for variable, value in zip(self._trained.trainable_variables, self.weights, strict=False):
            variable.assign(value)


class TrainingLoop:
    """Trains a compiled model, epoch by epoch; where it stands can be kept and put back.

    Args:
        model: What `trainer_of` returned, compiled.
        batches: What it is trained on.
        epochs: Number of epochs.
        learning_rate: The rate that the schedule multiplies.
        schedule: Its factor for each epoch.
        swa_epochs: Of how many last epochs the weights are averaged after the last one.
        perturbation: How far weights are moved for a gradient, see `PerturbedModel`.
        perturbation_epoch: The first epoch, from 0, in which they are.

    Attributes:
        done: How many epochs are trained.
    """

    def __init__(
        self,
        model: Any,
        batches: TrainingBatches,
        *,
        epochs: int,
        learning_rate: float,
        schedule: Schedule,
        swa_epochs: int = 0,
        perturbation: float = 0.0,
        perturbation_epoch: int = 0,
    ) -> None:
        self._model, self._batches, self._epochs = model, batches, epochs
        self._learning_rate, self._schedule = learning_rate, schedule
        self._swa_epochs = swa_epochs
        self._perturbation, self._perturbation_epoch = perturbation, perturbation_epoch
        self._kept, self._average = _KeptWeights(model), WeightAverage(model)
        self.done = 0

    def epochs(self, on_step: OnStep = lambda step, metrics: None) -> Iterator[Epoch]:
        """Trains the epochs that are left; the caller evaluates and records between them.

        Args:
            on_step: Called after each step.

        Raises:
            TrainingDiverged: The loss is infinite or no number.
        """
        while self.done < self._epochs:
            metrics = self._train(self.done, on_step)
            self.done += 1
            if self.done > self._epochs - self._swa_epochs:
                self._average.add()
                if self.done == self._epochs:
                    self._average.put_in_place()
            yield Epoch(self.done - 1, metrics)
            if self.done < self._epochs:
                self._kept.restore()

    def _train(self, epoch: int, on_step: OnStep) -> dict[str, float]:
        model, batches = self._model, self._batches
        rate = self._learning_rate * self._schedule.factor(epoch, self._epochs)
        model.optimizer.learning_rate = rate
        begin_dropout(model, epoch)
        if isinstance(model, PerturbedModel):
            model.perturb(self._perturbation if epoch >= self._perturbation_epoch else 0.0)
        steps = _StepCallback(on_step)
        began = time.perf_counter()
        history = model.fit(
            _EpochBatches(batches, epoch, model.input),
            epochs=1,
            verbose=0,
            shuffle=False,
            callbacks=[steps, self._kept],
        ).history
        seconds = time.perf_counter() - began
        metrics = {name: float(values[-1]) for name, values in history.items()}
        if steps.diverged is not None:
            step, loss = steps.diverged
            clips = batches.batch(epoch, step).clips
            raise TrainingDiverged(
                f"The loss must stay a number; it was {loss} after step {step + 1} of epoch "
                f"{epoch + 1} at a learning rate of {rate:.2g}. Lower optimizer.learning_rate.",
                np.unique(clips[clips != EMPTY]),
            )
        metrics["learning_rate"] = rate
        metrics["clips_per_second"] = batches.steps_per_epoch * batches.batch_size / seconds
        return metrics

    def state(self) -> dict[str, Array]:
        """Returns where the training stands after an epoch: weights, optimizer, random state."""
        groups = {
            **{name: [*map(np.array, found)] for name, found in self._variables().items()},
            "trained": self._kept.weights,
            "total": self._average.total,
        }
        return {
            "epochs": np.array([self.done, self._average.count]),
            **{f"{name}.{k}": a for name, arrays in groups.items() for k, a in enumerate(arrays)},
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Goes on where `state` was taken.

        Raises:
            GislrError: It was taken from another model.
        """
        self._model.optimizer.build(self._model.trainable_variables)
        for name, variables in self._variables().items():
            values = _group(state, name)
            if [value.shape for value in values] != [tuple(v.shape) for v in variables]:
                raise GislrError(
                    f"The checkpoint must hold the {len(variables)} {name} variables of the model "
                    "that is built now; it holds others. The code has changed since: train anew."
                )
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self.done, self._average.count = state["epochs"].tolist()
        self._average.total = _group(state, "total")
        self._kept.weights = _group(state, "trained")
        if self.done < self._epochs:
            self._kept.restore()

    def _variables(self) -> dict[str, list[Any]]:
        return {"model": self._model.variables, "optimizer": self._model.optimizer.variables}


def _group(state: Mapping[str, Array], name: str) -> list[Array]:
    count = sum(key.startswith(f"{name}.") for key in state)
    return [state[f"{name}.{k}"] for k in range(count)]


def begin_dropout(model: Any, epoch: int) -> None:
    """Tells the layers that drop out only after some epochs which one begins, from 0."""
    for layer in model.layers:
        if isinstance(layer, LateDropout):
            layer.begin_epoch(epoch)
