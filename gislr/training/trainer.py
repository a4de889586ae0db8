"""What Keras fits: the model, or one around it with an auxiliary loss or AWP, compiled."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from gislr.training.arcface import ArcFace
from gislr.training.awp import AWPModel
from gislr.training.backend import is_tensorflow, uses_xla
from gislr.training.heads import metrics
from gislr.training.losses import Loss
from gislr.training.optimizers import OptimizerSettings
from gislr.training.stages import CLASSIFIER
from gislr.training.training_settings import ArcFaceSettings, AWPSettings
from gislr.utils.errors import SettingError

LABELS, WEIGHTS = "labels", "weights"
"""Inputs of a trainer with an auxiliary loss, beside those of the model."""


def trainer_of(
    model: Any,
    *,
    arcface: ArcFaceSettings,
    awp: AWPSettings,
    soft_labels: bool = False,
    also_signs: int = 0,
) -> Any:
    """Returns what is compiled and fitted; its weights are the model's, and those of the losses.

    Args:
        model: The model to train.
        arcface: The auxiliary loss.
        awp: Adversarial weight perturbation.
        soft_labels: Whether batches have soft labels.
        also_signs: Signs of a second head, whose logits follow those of the model.

    Raises:
        SettingError: The backend does not support AWP.
    """
    if awp.epsilon and not is_tensorflow():
        raise SettingError(
            "awp.epsilon works on TensorFlow only; got KERAS_BACKEND="
            f"{keras.backend.backend()}. Set it to 0."
        )
    if not awp.epsilon and not arcface.weight and not also_signs:
        return model
    inputs, logits = dict(model.input), model.output
    if also_signs:
        classifier = model.get_layer(CLASSIFIER)
        head = keras.layers.Dense(also_signs, name="also_classifier", dtype=classifier.dtype_policy)
        logits = keras.layers.Concatenate(dtype="float32")([logits, head(classifier.input)])
    if arcface.weight:
        segments = logits.shape[:2]
        shape, dtype = (logits.shape, "float32") if soft_labels else (segments, "int32")
        inputs[LABELS] = keras.Input(batch_shape=shape, dtype=dtype, name=LABELS)
        inputs[WEIGHTS] = keras.Input(batch_shape=segments, name=WEIGHTS)
        clips = model.get_layer("clip_mean").output
        layer = ArcFace(arcface, name="arcface", dtype="float32")
        logits = layer(logits, clips, inputs[LABELS], inputs[WEIGHTS])
    trainer = (AWPModel if awp.epsilon else keras.Model)(
        inputs, logits, name=f"{model.name}_trainer"
    )
    trainer.awp = awp
    return trainer


def compile_model(
    model: Any,
    optimizer: OptimizerSettings,
    loss: Loss,
    *,
    soft_labels: bool = False,
    also_signs: int = 0,
) -> None:
    """Gives what `trainer_of` returned its optimizer, its loss and metrics for its labels."""
    signs = model.output_shape[-1]
    heads = [signs - also_signs, also_signs] if also_signs else [signs]
    model.compile(
        optimizer=optimizer.build(),
        loss=loss.build(*heads),
        weighted_metrics=metrics(heads, soft_labels=soft_labels),
        jit_compile=uses_xla(),
    )
    # Variables that a step creates make TensorFlow trace it twice.
    model.optimizer.build(model.trainable_variables)


def trainable_parameters(model: Any) -> int:
    """Returns the number of weights that training changes."""
    return int(sum(np.prod(variable.shape) for variable in model.trainable_variables))
