"""Training on an accelerator: clips a second, share of its peak, and where the time goes.

    KERAS_BACKEND=jax python -m benchmarks.accelerator --peak 989 [--clips 94477] [--epochs 3]

Two trainings of 250 made-up signs: the default model without augmentation, and the recipe
`asl_signs_best` with its own (without AWP, which needs TensorFlow), in float32 and bfloat16.
`--peak` is the device's dense bfloat16 rate in TFLOP/s (989 for an H100 SXM by its data sheet); the
share of float32 is of the same number. Nothing but Keras, a backend and the small packages is
needed, so it also runs where there is no TensorFlow. First epochs, in which graphs are compiled,
are not counted.
"""

from __future__ import annotations

import argparse
import statistics as middle
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.made_up import REAL_CLIPS, made_up_store
from gislr.config.composition import compose
from gislr.config.configuration import Configuration, read_configuration
from gislr.data import landmark_statistics as statistics
from gislr.data.store import Store
from gislr.utils.quiet import quiet_backend

TRAININGS = {
    "default model": (100, ()),
    "asl_signs_best": (300, ("+experiments=asl_signs_best", "awp.epsilon=0")),
}
"""How many epochs each has, and its settings."""

PRECISIONS = ("float32", "mixed_bfloat16")


def operations(training: Any, units: int, rows: int) -> float:
    """Returns the floating-point operations of a training step on some rows.

    Products of weights cost two operations a weight and position, attention scores and sums four a
    pair of positions and unit; the gradient costs twice as much as the forward pass.
    """
    model, layout = training.model, training.layout
    weights = {v.path: int(np.prod(v.shape)) for v in model.trainable_variables}
    matrices = sum(
        size
        for path, size in weights.items()
        if path.endswith(("kernel", "/first", "/second")) and "classifier" not in path
    )
    classifier = next(size for path, size in weights.items() if path == "classifier/kernel")
    blocks = sum(layer.name.endswith("_attention") for layer in model.layers)
    positions = rows * layout.row_frames
    attention = blocks * 4 * layout.row_frames * units
    clips = rows * layout.segments
    return 3.0 * (positions * (2 * matrices + attention) + clips * 2 * classifier)


def measure(
    configuration: Configuration, store: Store, *, peak: float, whole: int, epochs: int
) -> str:
    """Trains some epochs: with batches as they come, with some that are there, on the device."""
    import keras

    from gislr.workflows.factory import build_training

    clips = np.arange(len(store.clips))
    training = build_training(configuration, store, clips, statistics.measure(store, clips))
    loop = training.loop
    batches = loop.batches
    began = time.perf_counter()
    built = [loop._batch(0, step) for step in range(min(20, batches.steps_per_epoch))]
    building = (time.perf_counter() - began) / len(built)
    rows = [len(batch[1]) for batch in built]

    def epoch_seconds(count: int) -> list[float]:
        marks = [time.perf_counter()]
        loop.done, loop.epochs = 0, count + 1
        loop.fit(lambda epoch, metrics: marks.append(time.perf_counter()))
        return list(np.diff(marks))

    whole_epochs = epoch_seconds(epochs)
    steps = batches.steps_per_epoch
    loop._batch = lambda epoch, step: built[step % len(built)]  # type: ignore[method-assign]
    ready = middle.median(epoch_seconds(epochs)[1:]) / steps
    built = keras.tree.map_structure(keras.ops.convert_to_tensor, built)
    device = middle.median(epoch_seconds(epochs)[1:]) / steps
    rates = [steps * batches.batch_size / seconds for seconds in whole_epochs[1:]]
    work = middle.mean(operations(training, configuration.model.units, each) for each in rows)
    real = whole * (REAL_CLIPS // batches.batch_size) / (steps / middle.median(whole_epochs[1:]))
    return (
        f"{middle.median(rates):9.0f} clips/s ({min(rates):.0f} to {max(rates):.0f})  "
        f"a step {1000 * batches.batch_size / middle.median(rates):.2f} ms, with batches ready "
        f"{1000 * ready:.2f} ms, and on the device {1000 * device:.2f} ms, "
        f"{work / device / (peak * 1e12):.1%} of the peak  a batch built "
        f"in {1000 * building:.1f} ms by one thread  first epoch {whole_epochs[0]:.1f} s  "
        f"{whole} epochs of the real set: {real / 60:.1f} min  rows {min(rows)} to {max(rows)}"
    )


def main() -> None:
    """Prints a line for each training and precision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accelerator", description=__doc__)
    parser.add_argument("--peak", type=float, required=True, metavar="TFLOPS")
    parser.add_argument("--clips", type=int, default=REAL_CLIPS)
    parser.add_argument("--epochs", type=int, default=3, help="epochs that are counted")
    parser.add_argument("--only", default="", help="a part of a training's name")
    parser.add_argument("overrides", nargs="*", help="more settings of each training")
    arguments = parser.parse_args()
    with quiet_backend():
        import keras
    print(f"backend {keras.backend.backend()}, {keras.distribution.list_devices()}", flush=True)
    for name, (whole, overrides) in TRAININGS.items():
        if arguments.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            store = None
            for precision in PRECISIONS:
                own = (*overrides, f"training.precision={precision}", *arguments.overrides)
                configuration = read_configuration(compose("train", *own))
                if store is None:
                    store = made_up_store(
                        Path(folder) / "store",
                        arguments.clips,
                        preprocessing=configuration.preprocessing,
                    )
                line = measure(
                    configuration,
                    store,
                    peak=arguments.peak,
                    whole=whole,
                    epochs=arguments.epochs,
                )
                print(f"{name:<15}{precision:<15}{line}", flush=True)


if __name__ == "__main__":
    main()
