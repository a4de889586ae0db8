"""Pretraining without labels: a model predicts the landmarks that are masked in its frames.

One linear layer on top of the model's frames predicts them, and only what is masked counts, as in
Xie et al. 2022, "SimMIM: A Simple Framework for Masked Image Modeling". The classifier stays as it
is.
"""

from __future__ import annotations

from typing import Any, cast

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from gislr.batches.assembly import Batch
from gislr.batches.masked_landmarks import MaskedBatches
from gislr.batches.sequences import OrderedBatches
from gislr.data.landmark_statistics import Statistics
from gislr.models.layers import Dense
from gislr.training.backend import uses_xla
from gislr.training.batch_queue import BatchQueue
from gislr.training.loop import TrainingLoop
from gislr.training.optimizers import OptimizerSettings
from gislr.utils.errors import SettingError

_FRAMES_READER = "clip_mean"
"""The layer that makes one vector a clip of its frames: every family has one of this name."""


def reconstruction_loss(targets: Any, predicted: Any) -> Any:
    """Returns the mean Huber loss (Huber 1964; its delta is 1) of the values that have a target.

    Args:
        targets: float32 [rows, frames, landmarks, axes], NaN where nothing is to be predicted.
        predicted: float32 of the same shape.

    Returns:
        float32, one number; 0 where there is no target.

    Example:
        >>> import numpy as np
        >>> targets = np.array([[[[1.0, np.nan], [2.0, np.nan]]]], np.float32)
        >>> float(reconstruction_loss(targets, np.array([[[[0.5, 9.0], [5.0, 9.0]]]], np.float32)))
        1.3125
    """
    targets = ops.cast(targets, "float32")
    known = ops.logical_not(ops.isnan(targets))
    # Before the difference: a gradient through NaN is NaN, whatever weighs it.
    error = ops.abs(ops.cast(predicted, "float32") - ops.where(known, targets, 0.0))
    loss = ops.where(error < 1, 0.5 * ops.square(error), error - 0.5)
    count = ops.sum(ops.cast(known, "float32"))
    return ops.sum(ops.where(known, loss, 0.0)) / ops.maximum(count, 1.0)


def reconstruction_trainer(model: Any, optimizer: OptimizerSettings) -> Any:
    """Returns what is fitted, compiled: the model up to its frames, and a layer that predicts.

    Args:
        model: A model of `gislr.models`; its weights, but for the classifier's, are trained.
        optimizer: The optimizer.

    Returns:
        A `keras.Model` from the model's inputs to standardized landmarks, float32 [rows, row
        frames, landmarks, axes].
    """
    frames, _ = model.get_layer(_FRAMES_READER).input
    width, landmarks, axes = model.input["frames"].shape[1:]
    predicted = Dense(landmarks * axes, name="reconstruction", dtype="float32")(frames)
    shaped = keras.layers.Reshape((width, landmarks, axes), dtype="float32")(predicted)
    trainer = keras.Model(dict(model.input), shaped, name=f"{model.name}_trainer")
    trainer.compile(optimizer=optimizer.build(), loss=reconstruction_loss, jit_compile=uses_xla())
    # Variables that a step creates make TensorFlow trace it twice.
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def read_statistics(model: Any) -> Statistics:
    """Returns what a model standardizes landmarks with: its targets are standardized alike.

    Raises:
        SettingError: The model centers clips instead, so that it cannot know where they were.
    """
    if "standardize" not in {layer.name for layer in model.layers}:
        raise SettingError(
            "Pretraining needs a model that standardizes landmarks; this one centers clips, and "
            "cannot know where in the image they were. Set model.centering=none."
        )
    return Statistics(*model.get_layer("standardize").get_weights())


def evaluate_reconstruction(loop: TrainingLoop, clips: NDArray[np.int64]) -> dict[str, float]:
    """Returns the loss over some clips, masked always alike, and that of predicting the mean.

    Args:
        loop: Of a pretraining.
        clips: int64, which clips of its data.

    Returns:
        `loss`, and `baseline_loss`: that of 0 for every standardized landmark.
    """
    batches = cast(MaskedBatches, loop.batches)
    ordered = OrderedBatches(batches.store, clips, batches.layout)

    def build(_: int, step: int) -> Batch:
        return batches.masked(ordered.batch(step), np.random.default_rng(step))

    queue = BatchQueue(build, ordered.steps)
    total, count = np.zeros(2), 0
    for step in range(len(queue)):
        batch: Batch = queue[step]
        predicted = np.asarray(loop.trainer.predict_on_batch(batch.inputs()))
        targets = cast(NDArray[np.float32], batch.targets)
        found = int(np.count_nonzero(~np.isnan(targets)))
        losses = [reconstruction_loss(targets, p) for p in (predicted, np.zeros_like(predicted))]
        total += found * np.array([float(loss) for loss in losses])
        count += found
    loss, baseline = (total / max(1, count)).tolist()
    return {"loss": loss, "baseline_loss": baseline}
