"""Builds what a configuration trains: batches, the model, and the loop that trains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.batches import JointBatches, Layout, MaskedBatches, TrainingBatches
from gislr.config.configuration import Configuration
from gislr.data.landmark_statistics import Statistics
from gislr.data.store import Store
from gislr.models import build_model, layout_of
from gislr.training import backend
from gislr.training.loop import TrainingLoop
from gislr.training.reconstruction import read_statistics, reconstruction_trainer
from gislr.training.stages import prepare_fine_tuning
from gislr.training.trainer import compile_model, trainer_of
from gislr.utils.errors import SettingError


@dataclass(frozen=True)
class Training:
    """A training that is about to begin.

    Attributes:
        model: The Keras model.
        layout: The rows that it reads.
        loop: Trains it.
    """

    model: Any
    layout: Layout
    loop: TrainingLoop


def build_training(
    configuration: Configuration,
    store: Store,
    clips: NDArray[np.int64],
    statistics: Statistics,
    *,
    soft_labels: NDArray[np.float32] | None = None,
    initialize: Callable[[Any], None] = lambda model: None,
    also: tuple[Store, NDArray[np.int64]] | None = None,
) -> Training:
    """Builds a training from its configuration; seeds the backend first.

    Args:
        configuration: The configuration.
        store: The data.
        clips: int64, the training clips.
        statistics: Of those clips.
        initialize: Gives the model its weights to start from.
        soft_labels: float32 [clips of the store, signs], from teachers.
        also: The data of `data.also`, and its training clips.

    Raises:
        SettingError: The backend or the data does not support the configuration.
    """
    devices, layout = _seeded(configuration, store)
    own_batches = _batches(configuration, store, clips, layout, soft_labels)
    batches: TrainingBatches | JointBatches = own_batches
    also_signs = 0
    if also:
        also_store, also_clips = also
        also_signs = len(also_store.signs)
        size = configuration.batches.also_size or own_batches.batch_size
        others = replace(
            own_batches, store=also_store, clips=also_clips, size=size, soft_labels=None
        )
        batches = JointBatches(own_batches, others)
    soft = batches.has_soft_labels
    with backend.device_scope(devices):
        model = _model(configuration, store, layout, statistics, initialize)
        trainer = trainer_of(
            model,
            arcface=configuration.arcface,
            awp=configuration.awp,
            soft_labels=soft,
            also_signs=also_signs,
        )
        compile_model(
            trainer,
            configuration.optimizer,
            configuration.loss,
            soft_labels=soft,
            also_signs=also_signs,
        )
    return Training(model, layout, _loop(configuration, trainer, batches))


def build_pretraining(
    configuration: Configuration,
    store: Store,
    clips: NDArray[np.int64],
    statistics: Statistics,
    *,
    initialize: Callable[[Any], None] = lambda model: None,
) -> Training:
    """Builds a pretraining, see `gislr.training.reconstruction`; seeds the backend first.

    Args:
        configuration: Of `conf/pretrain.yaml`.
        store: The data; its labels are not used.
        clips: int64, the training clips.
        statistics: Of those clips.
        initialize: Gives the model its weights to start from.

    Returns:
        The training; its model's classifier keeps the weights that it starts with.

    Raises:
        SettingError: The configuration has no `pretraining`, or asks for what needs labels.

    Example:
        >>> from gislr.config.composition import compose
        >>> from gislr.config.configuration import open_data, read_configuration
        >>> from gislr.data.landmark_statistics import measure
        >>> tiny = ["model.units=16", "model.num_blocks=1", "training.epochs=1"]
        >>> configuration = read_configuration(compose("pretrain", *tiny))
        >>> store = open_data(configuration)
        >>> clips = np.arange(32)
        >>> training = build_pretraining(configuration, store, clips, measure(store, clips))
        >>> training.loop.fit(lambda epoch, metrics: print(sorted(metrics)))
        ['clips_per_second', 'learning_rate', 'loss']
    """
    masking = configuration.pretraining
    if masking is None:
        raise SettingError(
            "A pretraining needs the section pretraining; this configuration has none. Compose "
            "conf/pretrain.yaml."
        )
    _require_no_labels(configuration)
    devices, layout = _seeded(configuration, store)
    with backend.device_scope(devices):
        model = _model(configuration, store, layout, statistics, initialize)
        trainer = reconstruction_trainer(model, configuration.optimizer)
    drawn = _batches(configuration, store, clips, layout)
    batches = MaskedBatches(drawn, masking, read_statistics(model))
    return Training(model, layout, _loop(configuration, trainer, batches))


def _require_no_labels(configuration: Configuration) -> None:
    """Refuses settings that need labels, or that a pretraining would ignore."""
    asked = {
        "arcface.weight=0": configuration.arcface.weight,
        "awp.epsilon=0": configuration.awp.epsilon,
        "data.also=null": configuration.joint.also,
        "distillation.teachers=[]": configuration.distillation.is_used,
    }
    if instead := " ".join(setting for setting, value in asked.items() if value):
        raise SettingError(
            "A pretraining takes only settings that need no labels and no adversarial steps; "
            f"set {instead}."
        )


def _seeded(configuration: Configuration, store: Store) -> tuple[int, Layout]:
    """Seeds the backend; returns the number of devices and the shape of rows."""
    training = configuration.training
    backend.seed_everything(configuration.seed, deterministic=training.deterministic)
    devices = backend.count_devices(training.devices)
    return devices, layout_of(
        configuration.model, store.most_frames, devices=devices, sizes=backend.sizes_of_rows()
    )


def _batches(
    configuration: Configuration,
    store: Store,
    clips: NDArray[np.int64],
    layout: Layout,
    soft_labels: NDArray[np.float32] | None = None,
) -> TrainingBatches:
    return TrainingBatches(
        store,
        clips,
        layout,
        samples_per_class=configuration.batches.samples_per_class,
        class_balance=configuration.batches.class_balance,
        size=configuration.batches.size,
        frame_masking=configuration.model.frame_masking,
        seed=configuration.seed,
        augmentation=configuration.augmentation,
        soft_labels=soft_labels,
    )


def _model(
    configuration: Configuration,
    store: Store,
    layout: Layout,
    statistics: Statistics,
    initialize: Callable[[Any], None],
) -> Any:
    """Returns the model with the weights to start from, its learning rates set."""
    model = build_model(
        configuration.model,
        signs=len(store.signs),
        layout=layout,
        preprocessing=store.preprocessing,
        precision=configuration.training.precision,
        statistics=statistics,
    )
    initialize(model)
    prepare_fine_tuning(model, configuration.pretrained)
    return model


def _loop(
    configuration: Configuration,
    trainer: Any,
    batches: TrainingBatches | JointBatches | MaskedBatches,
) -> TrainingLoop:
    training = configuration.training
    rate, schedule = configuration.optimizer.learning_rate, configuration.schedule
    return TrainingLoop(
        trainer,
        batches,
        epochs=training.epochs,
        learning_rate=lambda epoch: rate * schedule.factor(epoch, training.epochs),
        swa_epochs=training.swa_epochs,
    )
