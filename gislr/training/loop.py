"""The one fit of a training: what changes from epoch to epoch, and what is saved to resume it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gislr.batches.assembly import EMPTY
from gislr.batches.joint import JointBatches
from gislr.batches.masked_landmarks import MaskedBatches
from gislr.batches.sequences import TrainingBatches
from gislr.models.layers import LateDropout
from gislr.training.averaging import WeightAverages
from gislr.training.awp import AWPModel
from gislr.training.batch_queue import BatchQueue
from gislr.training.trainer import LABELS, WEIGHTS
from gislr.utils.errors import GislrError

_STEPS_BEHIND = 8

Arrays = dict[str, NDArray[Any]]

AfterStep = Callable[[int, Mapping[str, float]], None]
"""Called after each step with its number, from 0, and the metrics of the epoch so far."""

AfterEpoch = Callable[[int, dict[str, float]], None]
"""Called after each epoch with its number, from 0, and its metrics: loss, acc, top_5_acc,
top_10_acc, learning_rate and clips_per_second; of a pretraining no accuracies."""


class TrainingDiverged(GislrError):
    """The loss is infinite or no number.

    Args:
        message: When, at which learning rate, and what to do.
        clips: int64, the clips of the step.
    """

    def __init__(self, message: str, clips: NDArray[np.int64]) -> None:
        self.clips = clips
        super().__init__(message)


class TrainingLoop:
    """Fits a compiled model once; its state after any epoch resumes it with the same bits.

    Args:
        trainer: What `trainer_of` or `reconstruction_trainer` returned, compiled.
        batches: What it is trained on.
        epochs: Number of epochs.
        learning_rate: The learning rate of an epoch, counted from 0.
        swa_epochs: Number of last epochs that SWA averages.

    Attributes:
        done: Number of epochs that are trained.
    """

    def __init__(
        self,
        trainer: Any,
        batches: TrainingBatches | JointBatches | MaskedBatches,
        *,
        epochs: int,
        learning_rate: Callable[[int], float],
        swa_epochs: int = 0,
    ) -> None:
        self.trainer, self.batches, self.epochs = trainer, batches, epochs
        self.learning_rate = learning_rate
        self.done = 0
        self._averages = WeightAverages(epochs, swa_epochs)

    def fit(self, after_epoch: AfterEpoch, after_step: AfterStep | None = None) -> None:
        """Trains the epochs that are left.

        Args:
            after_epoch: May evaluate the model and call `state`; what it raises ends the fit.
            after_step: Called after each step.

        Raises:
            TrainingDiverged: The loss is infinite or no number.
        """
        with BatchQueue(self._batch, self.batches.steps_per_epoch, self.done) as queue:
            rate = keras.callbacks.LearningRateScheduler(lambda epoch, _: self.learning_rate(epoch))
            after_step = after_step or (lambda step, metrics: None)
            self.trainer.fit(
                queue,
                epochs=self.epochs,
                initial_epoch=self.done,
                shuffle=False,
                verbose=0,
                callbacks=[rate, self._averages, _Epochs(self, queue, after_epoch, after_step)],
            )

    def _batch(self, epoch: int, step: int) -> tuple[Any, ...]:
        batch = self.batches.batch(epoch, step)
        if batch.targets is not None:
            return batch.inputs(), batch.targets
        labels = batch.labels if batch.soft_labels is None else batch.soft_labels
        weights = batch.weights()
        of_loss = {LABELS: labels, WEIGHTS: weights} if LABELS in self.trainer.input else {}
        return batch.inputs() | of_loss, labels, weights

    def state(self) -> Arrays:
        """Returns everything that the rest of the training depends on."""
        groups = {
            **{name: [*map(np.array, found)] for name, found in self._variables().items()},
            "trained": self._averages.trained,
            "total": self._averages.total,
        }
        return {
            "epochs": np.array([self.done, self._averages.count]),
            **{f"{name}.{k}": a for name, arrays in groups.items() for k, a in enumerate(arrays)},
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restores what `state` returned; `fit` then trains the epochs that are left.

        Raises:
            GislrError: It is the state of another model.
        """
        for name, variables in self._variables().items():
            values = _group(state, name)
            if [value.shape for value in values] != [tuple(v.shape) for v in variables]:
                raise GislrError(
                    f"The checkpoint must hold the {len(variables)} {name} variables of the model "
                    "that is built now; it holds others. The code has changed since: train anew."
                )
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self.done, self._averages.count = state["epochs"].tolist()
        self._averages.trained = _group(state, "trained")
        self._averages.total = _group(state, "total")

    def _variables(self) -> dict[str, list[Any]]:
        return {"model": self.trainer.variables, "optimizer": self.trainer.optimizer.variables}


def _group(state: Mapping[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    count = sum(key.startswith(f"{name}.") for key in state)
    return [state[f"{name}.{k}"] for k in range(count)]


class _Epochs(keras.callbacks.Callback):
    """Begins and ends the epochs of a loop."""

    def __init__(
        self, loop: TrainingLoop, queue: BatchQueue, after_epoch: AfterEpoch, after_step: AfterStep
    ) -> None:
        super().__init__()
        self._loop, self._queue = loop, queue
        self._after_epoch, self._after_step = after_epoch, after_step
        self._began = 0.0
        self._losses: deque[tuple[int, Any]] = deque()
        self._diverged: tuple[int, float] | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._queue.epoch = epoch
        for part in (self.model, *self.model.layers):
            if isinstance(part, AWPModel | LateDropout):
                part.begin_epoch(epoch)
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        metrics = logs or {}
        self._losses.append((batch, metrics["loss"]))
        self._read_losses(_STEPS_BEHIND)
        self._after_step(batch, metrics)

    def _read_losses(self, left: int) -> None:
        """Reads the losses of all steps but the last ones: reading waits for an accelerator."""
        while len(self._losses) > left:
            step, loss = self._losses.popleft()
            # The epoch ends first: TensorFlow warns of batches that are left in its queue.
            if self._diverged is None and not math.isfinite(loss):
                self._diverged = step, float(loss)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._read_losses(0)
        seconds = time.perf_counter() - self._began
        batches = self._loop.batches
        if self._diverged is not None:
            step, loss = self._diverged
            clips = batches.batch(epoch, step).clips
            raise TrainingDiverged(
                f"The loss must stay a number; it was {loss} after step {step + 1} of epoch "
                f"{epoch + 1} at a learning rate of {self._loop.learning_rate(epoch):.2g}. "
                "Lower optimizer.learning_rate.",
                np.unique(clips[clips != EMPTY]),
            )
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        # Keras logs the optimizer's, which is rounded to float32.
        metrics["learning_rate"] = self._loop.learning_rate(epoch)
        metrics["clips_per_second"] = batches.steps_per_epoch * batches.batch_size / seconds
        self._loop.done = epoch + 1
        self._after_epoch(epoch, metrics)
