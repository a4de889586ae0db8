"""What augmentation adds to building a batch, beside a step of each model family.

python -m benchmarks.augmentation [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics as middle
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.made_up import made_up_store
from gislr.batches import TrainingBatches
from gislr.config.configuration import default_configuration
from gislr.utils.quiet import quiet_backend

CLIPS = 6_000
TRANSFORMS = (
    "temporal_resampling", "temporal_crop", "temporal_masking", "random_affine", "mirroring",
    "part_dropout", "finger_dropout",
)  # fmt: skip
EVERYTHING = [
    f"augmentation=[{','.join(TRANSFORMS)}]",
    *(f"augmentation.{name}.probability=0.5" for name in TRANSFORMS),
]
FAMILIES = ("transformer", "conv_transformer")


def main() -> None:
    """Prints a line a family: milliseconds a batch without and with it, and a step's seconds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.augmentation", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with quiet_backend():
        from gislr.models import build_model, layout_of
        from gislr.training.trainer import compile_model

    with tempfile.TemporaryDirectory() as folder:
        store = made_up_store(Path(folder) / "store", CLIPS)
        for family in FAMILIES:
            configurations = {
                name: default_configuration(f"model={family}", *overrides)
                for name, overrides in (
                    ("none", []),
                    ("standard", ["augmentation=standard"]),
                    ("everything", EVERYTHING),
                )
            }
            chosen = configurations["none"]
            layout = layout_of(chosen.model, store.most_frames)
            batches = {
                name: TrainingBatches(
                    store,
                    np.arange(CLIPS),
                    layout,
                    samples_per_class=4,
                    frame_masking=chosen.model.frame_masking,
                    seed=0,
                    augmentation=configuration.augmentation,
                )
                for name, configuration in configurations.items()
            }
            times: dict[str, list[float]] = {name: [] for name in batches}
            for step in range(rounds):
                for name, built in batches.items():
                    began = time.perf_counter()
                    built.batch(0, step)
                    times[name].append(1000 * (time.perf_counter() - began))
            model = build_model(
                chosen.model,
                signs=len(store.signs),
                layout=layout,
                preprocessing=store.preprocessing,
                precision="mixed_bfloat16",
            )
            compile_model(model, chosen.optimizer, chosen.loss)
            steps = []
            for step in range(7):
                batch = batches["standard"].batch(1, step)
                began = time.perf_counter()
                model.train_on_batch(batch.inputs(), batch.labels, sample_weight=batch.weights())
                steps.append(time.perf_counter() - began)
            seconds = middle.median(steps[2:])
            plain = middle.median(times["none"])
            for name, measured in times.items():
                changed = middle.median(measured)
                print(
                    f"{family}, {name}: a batch {changed:.1f} ms ({min(measured):.1f} to "
                    f"{max(measured):.1f}), a step {seconds:.2f} s: "
                    f"{(changed - plain) / 1000 / seconds:.1%} of it more",
                    flush=True,
                )


if __name__ == "__main__":
    main()
