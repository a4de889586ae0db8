"""Clips a second of predicting, packed and padded, with the default model.

python -m benchmarks.evaluation [--clips 2000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics as middle
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.made_up import made_up_store
from benchmarks.training import VARIANTS, default_model
from gislr.data import landmark_statistics as statistics
from gislr.models import build_model
from gislr.utils.quiet import quiet_backend


def main() -> None:
    """Prints one line a variant, and how far probabilities of packed and padded rows differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation", description=__doc__)
    parser.add_argument("--clips", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with quiet_backend():
        import keras

        from gislr.training.prediction import predict

    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        store = made_up_store(Path(folder) / "store", arguments.clips)
        clips = np.arange(arguments.clips)
        models = {}
        for name, (precision, layout) in VARIANTS.items():
            models[name] = build_model(
                default_model(),
                signs=len(store.signs),
                layout=layout,
                preprocessing=store.preprocessing,
                precision=precision,
                statistics=statistics.measure(store, clips),
            )
            models[name].set_weights(models["padded float32"].get_weights())
            predict(models[name], store, clips[:600], layout)
        seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
        probabilities = {}
        for _ in range(arguments.rounds):
            for name, (_, layout) in VARIANTS.items():
                began = time.perf_counter()
                probabilities[name] = predict(models[name], store, clips, layout)
                seconds[name].append(time.perf_counter() - began)
        base = seconds["padded float32"]
        for name in VARIANTS:
            ratios = [a / b for a, b in zip(base, seconds[name], strict=True)]
            difference = np.abs(probabilities[name] - probabilities["padded float32"]).max()
            print(
                f"predict {name:<16}{arguments.clips / middle.median(seconds[name]):8.1f} clips/s  "
                f"{middle.median(ratios):5.2f}x ({min(ratios):.2f} to {max(ratios):.2f})  "
                f"largest difference of a probability {difference:.1e}"
            )


if __name__ == "__main__":
    main()
