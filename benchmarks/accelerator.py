"""Training on an accelerator: clips a second, share of its peak, and how long 100 epochs take.

    KERAS_BACKEND=jax python -m benchmarks.accelerator --peak 989 [--steps 30] [--rounds 3]

`--peak` is the device's dense bfloat16 rate in TFLOP/s (989 for an H100 SXM by its data sheet); the
share of float32 is of the same number. Nothing but Keras, a backend and the small packages is
needed, so it also runs where there is no TensorFlow. Every round trains the same steps; the first
one, in which graphs are compiled, is not counted.
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
from benchmarks.training import VARIANTS, Variant
from gislr.utils.quiet import quiet_backend

EPOCHS = 100


def operations(variant: Variant, rows: int) -> float:
    """Returns the floating-point operations of a training step on some rows.

    Products of weights cost two operations a weight and position, attention scores and sums four a
    pair of positions and unit; the gradient costs twice as much as the forward pass.
    """
    weights = {v.path: int(np.prod(v.shape)) for v in variant.model.trainable_variables}
    matrices = sum(
        size
        for path, size in weights.items()
        if path.endswith(("kernel", "/first", "/second")) and "classifier" not in path
    )
    classifier = next(size for path, size in weights.items() if path == "classifier/kernel")
    units = variant.model.get_layer("merge_2").units
    blocks = sum(layer.name.endswith("_attention") for layer in variant.model.layers)
    positions = rows * 64
    attention = blocks * 4 * 64 * units
    return 3.0 * (positions * (2 * matrices + attention) + rows * 16 * 2 * classifier)


def main() -> None:
    """Prints one line a precision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accelerator", description=__doc__)
    parser.add_argument("--peak", type=float, required=True, metavar="TFLOPS")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with quiet_backend():
        import keras

    class Prebuilt(keras.utils.PyDataset):
        def __init__(self, batches: list[Any]) -> None:
            super().__init__()
            self._batches = batches

        def __len__(self) -> int:
            return len(self._batches)

        def __getitem__(self, step: int) -> Any:
            batch = self._batches[step]
            return batch.inputs(), batch.labels, batch.weights()

    keras.utils.set_random_seed(0)
    print(f"backend {keras.backend.backend()}, {keras.distribution.list_devices()}")
    with tempfile.TemporaryDirectory() as folder:
        store = made_up_store(Path(folder) / "store", 10_000)
        for name in ("packed float32", "packed bfloat16"):
            variant = Variant(store, *VARIANTS[name])
            batches = [variant.batches.batch(0, step) for step in range(arguments.steps)]
            work = sum(operations(variant, len(batch.segment_ids)) for batch in batches)
            seconds = []
            for turn in range(arguments.rounds + 1):
                began = time.perf_counter()
                variant.model.fit(Prebuilt(batches), epochs=1, verbose=0, shuffle=False)
                if turn:
                    seconds.append(time.perf_counter() - began)
            clips = variant.batches.batch_size * arguments.steps
            rates = [clips / took for took in seconds]
            whole = EPOCHS * (REAL_CLIPS // variant.batches.batch_size)
            minutes = whole * middle.median(seconds) / arguments.steps / 60
            share = work / middle.median(seconds) / (arguments.peak * 1e12)
            print(
                f"{name:<16}{middle.median(rates):9.1f} clips/s ({min(rates):.1f} to "
                f"{max(rates):.1f})  {share:.1%} of the peak  {EPOCHS} epochs of the real set: "
                f"{minutes:.1f} min"
            )


if __name__ == "__main__":
    main()
