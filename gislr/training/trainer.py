"""What is fitted: a model, or one around it with an auxiliary loss or perturbed steps."""

from __future__ import annotations

from typing import Any

import keras

from gislr.training.arcface import ArcFace
from gislr.training.awp import PerturbedModel, require_backend
from gislr.training.training_settings import ArcFaceSettings

LABELS, WEIGHTS = "labels", "weights"
"""Inputs of a trainer with an auxiliary loss, beside those of the model."""


def trainer_of(model: Any, arcface: ArcFaceSettings, *, perturbed: bool, soft_targets: bool) -> Any:
    """Returns what is compiled and fitted; its weights are the model's, and perhaps some more.

    Args:
        model: What is to be trained.
        arcface: The auxiliary loss.
        perturbed: Whether steps may be perturbed.
        soft_targets: Whether batches say how much of each sign a clip shows, not which one.

    Raises:
        SettingError: The backend cannot perturb steps.
    """
    if perturbed:
        require_backend()
    elif not arcface.weight:
        return model
    kind = PerturbedModel if perturbed else keras.Model
    inputs, logits = dict(model.input), model.output
    if arcface.weight:
        segments = logits.shape[:2]
        shape, dtype = (logits.shape, "float32") if soft_targets else (segments, "int32")
        inputs[LABELS] = keras.Input(batch_shape=shape, dtype=dtype, name=LABELS)
        inputs[WEIGHTS] = keras.Input(batch_shape=segments, name=WEIGHTS)
        clips = model.get_layer("clip_mean").output
        layer = ArcFace(arcface, name="arcface", dtype="float32")
        logits = layer(logits, clips, inputs[LABELS], inputs[WEIGHTS])
    return kind(inputs, logits, name=f"{model.name}_trainer")
