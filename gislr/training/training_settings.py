"""The sections `training`, `awp`, `arcface`, `distillation`, and keys of `model` and `data`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from gislr.utils.errors import SettingError
from gislr.utils.settings import (
    AboveZero,
    NotNegative,
    Positive,
    Probability,
    Settings,
    Text,
    Whole,
)

Devices = Annotated[Literal["1", "all"], BeforeValidator(lambda v: str(v) if type(v) is int else v)]


class PretrainedSettings(Settings):
    """Where weights come from, and how much of them is trained, see `gislr.training.stages`.

    Attributes:
        from_: A run or a registered model, whose weights the training starts from.
        frozen_stages: How many of the first stages are not trained.
        layer_decay: Factor of the learning rate from each stage to the one before it.
    """

    from_: Annotated[Text | None, Field(alias="from")]
    frozen_stages: Whole
    layer_decay: Annotated[float, Field(gt=0, le=1)]


class JointSettings(Settings):
    """Joint training on a second set of clips, see `gislr.batches.joint`.

    Attributes:
        also: The manifest of clips whose signs a second head learns; `None` for no other clips.
    """

    also: Text | None = None


class TrainingSettings(Settings):
    """How long and how exactly a model is trained.

    Attributes:
        epochs: Number of epochs.
        precision: `float32`, or `mixed_bfloat16` for float32 weights with faster products; in YAML
            also `auto`, see `gislr.config.precision`.
        devices: `1`, or `all` local devices.
        deterministic: Whether equal seeds give equal numbers, at some cost on a GPU.
        swa_epochs: Number of last epochs whose weights are averaged (SWA); 0 for none.
        clips_per_sign: How many clips of each sign are trained on; all when `None`.
        temperature: Of the probabilities that the logged model and its files give; `None` fits it
            to the clips held out.
        rejection_threshold: Predictions of a lower probability are called "not sure"; `None` fits
            it to the clips held out.
    """

    epochs: Positive
    precision: Literal["auto", "float32", "mixed_bfloat16"]
    devices: Devices
    deterministic: bool
    swa_epochs: Whole
    clips_per_sign: Positive | None
    temperature: AboveZero | None = None  # older runs lack both
    rejection_threshold: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> TrainingSettings:
        if self.swa_epochs > self.epochs:
            raise SettingError(
                f"training.swa_epochs must be 0 to {self.epochs}, the number of epochs; "
                f"got {self.swa_epochs}."
            )
        return self


class AWPSettings(Settings):
    """Adversarial weight perturbation, see `gislr.training.awp`.

    Attributes:
        epsilon: Size of the perturbation; 0 for none.
        formula: `absolute` or `relative` to each matrix.
        start_epoch: The first epoch, from 0, with perturbations.
    """

    epsilon: NotNegative
    formula: Literal["absolute", "relative"]
    start_epoch: Whole


class ArcFaceSettings(Settings):
    """The auxiliary loss on angles, see `gislr.training.arcface`.

    Attributes:
        weight: Its factor beside the loss; 0 for none.
        margin: By how much, in radians, a clip must be nearer to its sign than to others.
        scale: Factor of the cosines before they are compared.
    """

    weight: NotNegative
    margin: NotNegative
    scale: NotNegative


class DistillationSettings(Settings):
    """Distillation, see `gislr.training.distillation`.

    Attributes:
        teachers: Ids of runs with the same clips held out; their probabilities are averaged.
        alpha: Weight of the teachers' probabilities; the label has the rest.
        temperature: Softens the teachers' probabilities above 1, sharpens them below.
    """

    teachers: list[Text]
    alpha: Probability
    temperature: AboveZero

    @property
    def is_used(self) -> bool:
        """Whether any teacher has a weight."""
        return bool(self.teachers) and self.alpha > 0
