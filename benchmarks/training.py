"""Clips a second of both model families at the real set's shapes, packed and padded.

    python -m benchmarks.training [--steps 5] [--rounds 3] [--clips 4] [--only float32]

The variants take turns in one process, so that they meet the same machine; the median of all steps
is printed, with the spread, and the ratio to the first variant round by round.
"""

from __future__ import annotations

import argparse
import statistics as middle
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.made_up import made_up_store
from gislr.batches import Layout, TrainingBatches, layout_for
from gislr.config.configuration import default_configuration
from gislr.data import landmark_statistics as statistics
from gislr.data.store import Store
from gislr.models import build_model, layout_of
from gislr.utils.quiet import quiet_backend

VARIANTS = {
    "padded float32": ("float32", Layout(64, segments=1, packed=False)),
    "packed float32": ("float32", layout_for(64, packed=True)),
    "packed bfloat16": ("mixed_bfloat16", layout_for(64, packed=True)),
}


PACKED_CONVOLUTIONS = {
    "packed float32, conv_transformer": "float32",
    "packed bfloat16, conv_transformer": "mixed_bfloat16",
}


def default_model() -> Any:
    """Returns the settings of `conf/model/transformer.yaml`."""
    return default_configuration().model


class Variant:
    """One way of training."""

    def __init__(
        self,
        store: Store,
        precision: str,
        layout: Layout | None = None,
        *,
        model: str = "transformer",
        samples_per_class: int = 4,
    ) -> None:
        from gislr.training.trainer import compile_model

        configuration = default_configuration(f"model={model}")
        settings = configuration.model
        layout = layout or layout_of(settings, store.most_frames)
        clips = np.arange(len(store.clips))
        self.model = build_model(
            settings,
            signs=len(store.signs),
            layout=layout,
            preprocessing=store.preprocessing,
            precision=precision,
            statistics=statistics.measure(store, clips),
        )
        compile_model(self.model, configuration.optimizer, configuration.loss)
        self.batches = TrainingBatches(
            store,
            clips,
            layout,
            samples_per_class=samples_per_class,
            frame_masking=settings.frame_masking,
            seed=0,
        )
        self.fill: list[float] = []
        self.packing: list[float] = []

    def step(self, number: int) -> float:
        """Trains one step; returns its seconds, without those of building the batch."""
        began = time.perf_counter()
        batch = self.batches.batch(0, number)
        built = time.perf_counter()
        self.packing.append(built - began)
        self.fill.append(batch.fill())
        self.model.train_on_batch(batch.inputs(), batch.labels, sample_weight=batch.weights())
        return time.perf_counter() - built


def main() -> None:
    """Prints one line a variant."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--steps", type=int, default=3, help="steps of a variant in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clips", type=int, default=4, help="of each of the 250 signs in a step")
    parser.add_argument("--only", default="", help="variants whose name has this in it")
    arguments = parser.parse_args()
    with quiet_backend():
        import keras

    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        store = made_up_store(Path(folder) / "store", 4_000)
        size = {"samples_per_class": arguments.clips}
        variants = {
            name: Variant(store, *how, **size)
            for name, how in VARIANTS.items()
            if arguments.only in name
        } | {
            name: Variant(store, precision, model="conv_transformer", **size)
            for name, precision in PACKED_CONVOLUTIONS.items()
            if arguments.only in name
        }
        seconds: dict[str, list[list[float]]] = {name: [] for name in variants}
        for variant in variants.values():
            for number in range(2):
                variant.step(number)
        for turn in range(arguments.rounds):
            for name, variant in variants.items():
                start = 2 + turn * arguments.steps
                seconds[name].append(
                    [variant.step(start + step) for step in range(arguments.steps)]
                )
        base = [middle.median(turn) for turn in next(iter(seconds.values()))]
        for name, variant in variants.items():
            steps = [step for turn in seconds[name] for step in turn]
            ratios = [a / middle.median(turn) for a, turn in zip(base, seconds[name], strict=True)]
            rates = [variant.batches.batch_size / step for step in steps]
            print(
                f"{name:<34}{middle.median(rates):8.1f} clips/s  ({min(rates):.1f} to "
                f"{max(rates):.1f})  {middle.median(ratios):5.2f}x "
                f"({min(ratios):.2f} to {max(ratios):.2f})  rows {middle.mean(variant.fill):.1%} "
                f"full  batch built in {middle.median(variant.packing) / middle.median(steps):.1%} "
                "of a step"
            )


if __name__ == "__main__":
    main()
