"""Prints the losses of three training steps: on one or two CPUs, on any backend of Keras.

Run by test_backends.py in processes of their own: `python -m tests.one_step FOLDER DEVICES`.
"""

import sys
from pathlib import Path

DEVICES = sys.argv[2]

import keras  # noqa: E402
import numpy as np  # noqa: E402

if keras.backend.backend() == "tensorflow" and DEVICES == "all":
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )

from gislr.batches import TrainingBatches  # noqa: E402
from gislr.batches.packing import layout_for  # noqa: E402
from gislr.training.backend import count_devices, device_scope, seed_everything  # noqa: E402
from gislr.training.loop import TrainingLoop  # noqa: E402
from gislr.training.losses import LOSSES  # noqa: E402
from gislr.training.optimizers import OPTIMIZERS  # noqa: E402
from gislr.training.prediction import predict  # noqa: E402
from gislr.training.trainer import compile_model  # noqa: E402
from tests.conftest import configured, make_store  # noqa: E402
from tests.test_models import build, without_dropout  # noqa: E402

LENGTHS = [1, 64, 2, 30, 7, 64, 13, 5, 21, 40, 1, 17]


def main() -> None:
    folder = Path(sys.argv[1])
    store = make_store(folder / f"store {keras.backend.backend()} {DEVICES}", LENGTHS)
    count = count_devices(DEVICES)
    layout = layout_for(64, packed=True, devices=count)
    seed_everything(0, deterministic=True)
    with device_scope(count):
        model = build(without_dropout(), layout)
        compile_model(model, configured(OPTIMIZERS, "adamw"), configured(LOSSES, "crossentropy"))
    weights = folder / "start.npz"
    if weights.is_file():
        with np.load(weights) as arrays:
            model.set_weights([arrays[name] for name in arrays.files])
    else:
        np.savez(weights, *model.get_weights())
    batches = TrainingBatches(
        store, np.arange(12), layout, samples_per_class=4, frame_masking=0.25, seed=0
    )
    TrainingLoop(model, batches, epochs=3, learning_rate=lambda epoch: 1e-3).fit(
        lambda epoch, metrics: print(f"LOSS {metrics['loss']:.9f}")
    )
    probabilities = predict(model, store, np.arange(12), layout)
    print("DEVICES", count)
    print("PROBABILITY", *(f"{value:.9f}" for value in probabilities[:, 0]))


if __name__ == "__main__":
    main()
