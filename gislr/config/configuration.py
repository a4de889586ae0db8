"""Every section of a training configuration as typed settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from gislr.batches.augmentation import Transform, read_augmentation
from gislr.batches.masked_landmarks import MaskingSettings
from gislr.batches.sampling import BatchSettings
from gislr.config.composition import compose, plain_values
from gislr.config.precision import AUTO, fastest_precision
from gislr.config.sweep_settings import SweepSettings
from gislr.config.tracking_settings import TrackingSettings
from gislr.data.preparation import PreparationSettings
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.sources import SOURCES, DataSource
from gislr.data.splits import SPLITS, SplitSettings
from gislr.data.store import Store
from gislr.models import MODELS
from gislr.training.losses import LOSSES, Loss
from gislr.training.optimizers import OPTIMIZERS, OptimizerSettings
from gislr.training.schedules import SCHEDULES, Schedule
from gislr.training.training_settings import (
    ArcFaceSettings,
    AWPSettings,
    DistillationSettings,
    JointSettings,
    PretrainedSettings,
    TrainingSettings,
)
from gislr.utils.errors import SettingError
from gislr.utils.settings import Settings, read_settings, require_section
from gislr.utils.terminal import progress_bars

RESUME = "resume"
"""Key that names the run that a training resumes; no part of the run's own configuration."""

PRETRAINING = "pretraining"
"""The section that only a pretraining has."""

_REGISTRIES = {
    registry.key: registry for registry in (SOURCES, SPLITS, MODELS, LOSSES, OPTIMIZERS, SCHEDULES)
}

_COMMON: dict[str, tuple[str, type[Settings]]] = {
    "pretrained": ("model", PretrainedSettings),
    "joint": ("data", JointSettings),
}
"""Keys of a section that are no settings of one family or source: every one of them has them."""

_SECTIONS: dict[str, type[Settings]] = {
    "preprocessing": PreprocessingSettings,
    "preparation": PreparationSettings,
    "batches": BatchSettings,
    "distillation": DistillationSettings,
    "arcface": ArcFaceSettings,
    "awp": AWPSettings,
    "training": TrainingSettings,
    "tracking": TrackingSettings,
    "sweep": SweepSettings,
}


@dataclass(frozen=True)
class Configuration:
    """A training configuration, checked: the sections of `conf/train.yaml` as settings.

    Attributes:
        augmentation: Random changes of training clips, in this order.
        model: The settings of a model family.
        pretrained: Keys of `model` that every family has: where its weights come from.
        joint: Keys of `data` that every source has: which clips are learned beside it.
        pretraining: Which landmarks are masked; `None` but in `conf/pretrain.yaml`.
        experiment: Name of the experiment file, or `None`.
        seed: Of weights, dropout and batches.
        values: Everything as nested dictionaries, for the record.
    """

    data: DataSource
    preprocessing: PreprocessingSettings
    preparation: PreparationSettings
    split: SplitSettings
    batches: BatchSettings
    distillation: DistillationSettings
    augmentation: tuple[Transform, ...]
    model: Any
    pretrained: PretrainedSettings
    joint: JointSettings
    loss: Loss
    arcface: ArcFaceSettings
    awp: AWPSettings
    optimizer: OptimizerSettings
    schedule: Schedule
    training: TrainingSettings
    tracking: TrackingSettings
    sweep: SweepSettings
    pretraining: MaskingSettings | None
    experiment: str | None
    seed: int
    values: dict[str, Any]


def read_configuration(config: DictConfig) -> Configuration:
    """Checks a composed configuration.

    Raises:
        SettingError: A key is unknown or missing, or a value cannot be used.
    """
    values: Any = plain_values(config)
    values.pop(RESUME, None)
    seed = values.get("seed")
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise SettingError(f"seed must be a whole number from 0 to {2**32 - 1}; got {seed!r}.")
    training = require_section(values.get("training"), "training")
    if training.get("precision") == AUTO:
        values["training"] = {**training, "precision": fastest_precision()[0]}
    found: dict[str, Any] = {
        name: read_settings(kind, values.get(name), name) for name, kind in _SECTIONS.items()
    }
    section = values.get(PRETRAINING)
    found[PRETRAINING] = section and read_settings(MaskingSettings, section, PRETRAINING)
    named: dict[str, Any] = dict(values)
    for name, (key, kind) in _COMMON.items():
        rest = named[key] = dict(require_section(values.get(key), key))
        keys = [field.alias or each for each, field in kind.model_fields.items()]
        found[name] = read_settings(kind, {k: rest.pop(k) for k in keys if k in rest}, key)
    found |= {name: registry.read(named.get(name)) for name, registry in _REGISTRIES.items()}
    if found["awp"].epsilon and found["training"].devices != "1":
        raise SettingError(
            "awp.epsilon works on one device only; got training.devices=all. Set one of them back."
        )
    return Configuration(
        **found,
        augmentation=read_augmentation(values["augmentation"]),
        experiment=values["experiment"],
        seed=seed,
        values=values,
    )


def default_configuration(*overrides: str) -> Configuration:
    """Returns the configuration of `gislr.train` with some overrides.

    Raises:
        SettingError: An override cannot be used.
    """
    return read_configuration(compose("train", *overrides))


def open_data(configuration: Configuration) -> Store:
    """Opens the data's store, preparing it with a progress bar when it is new.

    Args:
        configuration: Which data, and how it is prepared.

    Raises:
        GislrError: The data cannot be used.
    """
    return _open(configuration.data, configuration)


def open_also(configuration: Configuration) -> Store | None:
    """Opens the store of `data.also`; returns `None` without it.

    Raises:
        GislrError: The data cannot be used.
    """
    if configuration.joint.also is None:
        return None
    layout = getattr(configuration.data, "layout", None)
    clips = {"name": "clips", "manifest": configuration.joint.also, "root": None, "layout": layout}
    return _open(SOURCES.read(clips), configuration)


def _open(source: DataSource, configuration: Configuration) -> Store:
    with progress_bars() as progress:
        return source.open_store(configuration.preprocessing, configuration.preparation, progress)
