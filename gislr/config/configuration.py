"""Every section of a training configuration as typed settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gislr.batches import Augmentation, BatchSettings
from gislr.config.composition import compose
from gislr.config.sweep_settings import SweepSettings
from gislr.config.tracking_settings import TrackingSettings
from gislr.data.preparation import PreparationSettings
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.sources import SOURCES, DataSource
from gislr.data.splits import SPLITS, SplitSettings
from gislr.data.store import Store
from gislr.models import MODELS
from gislr.training.distillation import DistillationSettings
from gislr.training.losses import ArcFaceSettings, LossSettings
from gislr.training.optimizers import OptimizerSettings
from gislr.training.schedules import ScheduleSettings
from gislr.training.training_settings import TrainingSettings
from gislr.utils.errors import SettingError
from gislr.utils.settings import read_settings, require_section
from gislr.utils.terminal import progress_bars

RESUME = "resume"
"""Key that says which run a training goes on with; no part of what the run is."""

ADDED_LATER: dict[str, Any] = {
    "arcface": {"weight": 0.0, "margin": 0.5, "scale": 30.0},
    "augmentation": None,
    "batches.class_balance": 1.0,
    "distillation": {"teachers": [], "share": 0.5},
    "model.normalization": "none",
    "optimizer.ema": None,
    "training.averaged_epochs": 0,
    "training.perturbation": 0.0,
    "training.perturbation_epoch": 0,
    "preprocessing.landmarks": "dominant_hand",
    "preprocessing.dominant_hand": "detections",
    "preprocessing.axes": "xy",
}
"""Keys that runs of older versions lack, with the values that mean what was done then."""


@dataclass(frozen=True)
class Configuration:
    """A training configuration, checked.

    Attributes:
        data: The data source.
        preprocessing: How raw clips become frames.
        preparation: Where and with how many processes data is prepared.
        split: Which signers are held out.
        batches: What a batch holds.
        distillation: Which runs are learned from, if any.
        augmentation: How clips are changed in training, if they are.
        model: The model family's settings.
        loss: The loss.
        arcface: The auxiliary loss.
        optimizer: The optimizer.
        schedule: The learning rate's course.
        training: How long and how exactly is trained.
        tracking: Where the run is kept.
        sweep: What a sweep makes better.
        experiment: Name of the experiment file, or `None`.
        seed: Weights, dropout, batches.
        values: Everything as nested dictionaries, for the record.
    """

    data: DataSource
    preprocessing: PreprocessingSettings
    preparation: PreparationSettings
    split: SplitSettings
    batches: BatchSettings
    distillation: DistillationSettings
    augmentation: Augmentation | None
    model: Any
    loss: LossSettings
    arcface: ArcFaceSettings
    optimizer: OptimizerSettings
    schedule: ScheduleSettings
    training: TrainingSettings
    tracking: TrackingSettings
    sweep: SweepSettings
    experiment: str | None
    seed: int
    values: dict[str, Any]


def read_configuration(config: DictConfig) -> Configuration:
    """Checks a composed configuration.

    Raises:
        SettingError: A key is unknown or missing, or a value cannot be used.
    """
    values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    values.pop(RESUME, None)
    for path, value in ADDED_LATER.items():
        section, _, key = path.rpartition(".")
        (require_section(values[section], section) if section else values).setdefault(key, value)
    seed = values["seed"]
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise SettingError(f"seed must be a whole number from 0 to {2**32 - 1}; got {seed!r}.")
    return Configuration(
        data=SOURCES.read(values["data"]),
        preprocessing=read_settings(
            PreprocessingSettings, values["preprocessing"], "preprocessing"
        ),
        preparation=read_settings(PreparationSettings, values["preparation"], "preparation"),
        split=SPLITS.read(values["split"]),
        batches=read_settings(BatchSettings, values["batches"], "batches"),
        distillation=read_settings(DistillationSettings, values["distillation"], "distillation"),
        augmentation=None
        if values["augmentation"] is None
        else read_settings(Augmentation, values["augmentation"], "augmentation"),
        model=MODELS.read(values["model"]),
        loss=read_settings(LossSettings, values["loss"], "loss"),
        arcface=read_settings(ArcFaceSettings, values["arcface"], "arcface"),
        optimizer=read_settings(OptimizerSettings, values["optimizer"], "optimizer"),
        schedule=read_settings(ScheduleSettings, values["schedule"], "schedule"),
        training=read_settings(TrainingSettings, values["training"], "training"),
        tracking=read_settings(TrackingSettings, values["tracking"], "tracking"),
        sweep=read_settings(SweepSettings, values["sweep"], "sweep"),
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
    with progress_bars() as progress:
        return configuration.data.open_store(
            configuration.preprocessing, configuration.preparation, progress
        )
