"""Builds what a configuration trains: batches, the model, and the loop that trains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.batches import Layout, TrainingBatches
from gislr.config.configuration import Configuration
from gislr.data.landmark_statistics import Statistics
from gislr.data.store import Store
from gislr.models import build_model, layout_of
from gislr.training import compiling, devices
from gislr.training.loop import TrainingLoop
from gislr.training.trainer import trainer_of


@dataclass(frozen=True)
class Built:
    """What is trained.

    Attributes:
        model: The Keras model.
        layout: The rows that it reads.
        batches: What it is trained on.
        loop: Trains it.
    """

    model: Any
    layout: Layout
    batches: TrainingBatches
    loop: TrainingLoop


def build(
    configuration: Configuration,
    store: Store,
    clips: NDArray[np.int64],
    statistics: Statistics,
    shows: NDArray[np.float32] | None = None,
) -> Built:
    """Builds a training from its configuration; seeds the backend first.

    Args:
        configuration: The configuration.
        store: The data.
        clips: int64, the clips that are trained on.
        statistics: Of those clips.
        shows: What teachers say that clips show, float32 [clips of the store, signs].

    Raises:
        SettingError: The backend or the data cannot do what the configuration asks for.
    """
    training = configuration.training
    compiling.prepare_backend(configuration.seed, training.deterministic)
    count = devices.count_devices(training.devices)
    layout = layout_of(configuration.model, store.most_frames, count)
    batches = TrainingBatches(
        store,
        clips,
        layout,
        samples_per_class=configuration.batches.samples_per_class,
        class_balance=configuration.batches.class_balance,
        frame_masking=configuration.model.frame_masking,
        seed=configuration.seed,
        augmentation=configuration.augmentation,
        soft_labels=shows,
    )
    with devices.device_scope(count):
        model = build_model(
            configuration.model,
            signs=len(store.signs),
            layout=layout,
            preprocessing=store.preprocessing,
            precision=training.precision,
            statistics=statistics,
        )
        trainer = trainer_of(
            model,
            configuration.arcface,
            perturbed=configuration.awp.epsilon > 0,
            soft_targets=batches.has_soft_labels,
        )
        compiling.compile_model(
            trainer,
            configuration.optimizer,
            configuration.loss,
            soft_targets=batches.has_soft_labels,
        )
    loop = TrainingLoop(
        trainer,
        batches,
        epochs=training.epochs,
        learning_rate=configuration.optimizer.learning_rate,
        schedule=configuration.schedule,
        swa_epochs=training.swa_epochs,
        perturbation=configuration.awp.epsilon,
        perturbation_epoch=configuration.awp.start_epoch,
    )
    return Built(model, layout, batches, loop)
