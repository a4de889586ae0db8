"""Builds what a configuration trains: batches, the model, and the loop that trains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.batches import JointBatches, Layout, TrainingBatches
from gislr.config.configuration import Configuration
from gislr.data.landmark_statistics import Statistics
from gislr.data.store import Store
from gislr.models import build_model, layout_of
from gislr.training import backend
from gislr.training.loop import TrainingLoop
from gislr.training.stages import prepare_fine_tuning
from gislr.training.trainer import compile_model, trainer_of


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
    training, optimizer = configuration.training, configuration.optimizer
    backend.seed_everything(configuration.seed, deterministic=training.deterministic)
    devices = backend.count_devices(training.devices)
    layout = layout_of(
        configuration.model, store.most_frames, devices=devices, sizes=backend.sizes_of_rows()
    )
    own_batches = TrainingBatches(
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
        model = build_model(
            configuration.model,
            signs=len(store.signs),
            layout=layout,
            preprocessing=store.preprocessing,
            precision=training.precision,
            statistics=statistics,
        )
        initialize(model)
        prepare_fine_tuning(model, configuration.pretrained)
        trainer = trainer_of(
            model,
            arcface=configuration.arcface,
            awp=configuration.awp,
            soft_labels=soft,
            also_signs=also_signs,
        )
        compile_model(
            trainer, optimizer, configuration.loss, soft_labels=soft, also_signs=also_signs
        )
    loop = TrainingLoop(
        trainer,
        batches,
        epochs=training.epochs,
        learning_rate=lambda epoch: (
            optimizer.learning_rate * configuration.schedule.factor(epoch, training.epochs)
        ),
        swa_epochs=training.swa_epochs,
    )
    return Training(model, layout, loop)
