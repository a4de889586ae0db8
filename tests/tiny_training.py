"""A training of a tiny model on six clips of three signs."""

from pathlib import Path

import numpy as np

from gislr.batches import TrainingBatches
from gislr.data.store import open_store
from gislr.models import layout_of
from gislr.training.backend import seed_everything
from gislr.training.loop import TrainingLoop
from gislr.training.losses import LOSSES
from gislr.training.optimizers import OPTIMIZERS
from gislr.training.schedules import SCHEDULES
from gislr.training.trainer import compile_model, trainer_of
from gislr.training.training_settings import ArcFaceSettings, AWPSettings
from tests.conftest import configured, make_store
from tests.test_models import build, small

LENGTHS = [5, 9, 3, 7, 4, 8]
NO_ARCFACE = ArcFaceSettings(weight=0.0, margin=0.5, scale=30.0)
NO_AWP = AWPSettings(epsilon=0.0, formula="absolute", start_epoch=0)


def tiny(name="transformer", **changes):
    """Settings of a model of one block."""
    depth = {"transformer": {"num_blocks": 1}, "conv_transformer": {"num_stages": 1}}
    return small(name, **depth[name], **changes)


def tiny_training(
    folder: Path,
    settings,
    *,
    epochs=4,
    seed=0,
    schedule="constant",
    ema_momentum=None,
    frame_masking=0.0,
    awp=NO_AWP,
    swa_epochs=0,
    eager=True,
):
    """Returns the model and the loop; epochs have one step.

    Without a graph, whose tracing takes longer than all of them, unless `eager` is false.
    """
    store = open_store(folder) if folder.exists() else make_store(folder, LENGTHS)
    seed_everything(seed, deterministic=True)
    layout = layout_of(settings, 64)
    model = build(settings, layout)
    trainer = trainer_of(model, arcface=NO_ARCFACE, awp=awp)
    optimizer = configured(OPTIMIZERS, "adamw", learning_rate=1e-2, ema_momentum=ema_momentum)
    compile_model(trainer, optimizer, configured(LOSSES, "crossentropy"))
    trainer.run_eagerly = eager
    batches = TrainingBatches(
        store,
        np.arange(len(LENGTHS)),
        layout,
        samples_per_class=2,
        frame_masking=frame_masking,
        seed=seed,
    )
    factor = configured(SCHEDULES, schedule).factor
    return model, TrainingLoop(
        trainer,
        batches,
        epochs=epochs,
        learning_rate=lambda epoch: 1e-2 * factor(epoch, epochs),
        swa_epochs=swa_epochs,
    )


def weights_after_epochs(model, loop):
    """Trains and returns the model's weights after each epoch, as they are evaluated."""
    weights = []
    loop.fit(lambda epoch, metrics: weights.append([np.array(w) for w in model.get_weights()]))
    return weights
