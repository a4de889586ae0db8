"""Fine-tuning: which stages of a model are trained, and how fast.

Stage 0 embeds a frame, each block of the model is a stage, and the classifier is the last one. The
learning rates that fall from stage to stage are those of Howard & Ruder 2018, "Universal Language
Model Fine-tuning for Text Classification", and of BEiT's `layer_decay`.
"""

from __future__ import annotations

import re
from typing import Any

from gislr.training.training_settings import PretrainedSettings
from gislr.utils.errors import SettingError

CLASSIFIER = "classifier"
"""The layer that tells signs apart: every family has one of this name."""

_BLOCK = re.compile(r"(?:block|stage)_(\d+)_")


def stages(model: Any) -> list[list[Any]]:
    """Returns the layers of each stage; those between the last block and the classifier are its."""
    numbers, number = [], 0
    for layer in model.layers:
        found = _BLOCK.match(layer.name)
        number = int(found[1]) + 1 if found else number
        numbers.append(number)
    by_stage: list[list[Any]] = [[] for _ in range(max(numbers) + 2)]
    for layer, stage in zip(model.layers, numbers, strict=True):
        by_stage[-1 if layer.name == CLASSIFIER else stage].append(layer)
    return by_stage


def prepare_fine_tuning(model: Any, settings: PretrainedSettings) -> None:
    """Freezes the first stages, and gives the variables of the others their learning rates.

    Args:
        model: The model; it is not compiled yet.
        settings: How many stages, and how rates fall.

    Raises:
        SettingError: Every stage would be frozen.
    """
    by_stage = stages(model)
    if settings.frozen_stages >= len(by_stage):
        raise SettingError(
            f"model.frozen_stages must be below {len(by_stage)}, the number of stages of "
            f"{model.name}; got {settings.frozen_stages}."
        )
    for number, layers in enumerate(by_stage):
        for layer in layers:
            if number < settings.frozen_stages:
                layer.trainable = False
            for variable in layer.trainable_variables:
                variable.rate_factor = settings.layer_decay ** (len(by_stage) - 1 - number)
