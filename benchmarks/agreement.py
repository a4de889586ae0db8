"""Whether packed rows and bfloat16 change how well signs are recognized.

    python -m benchmarks.agreement DIR [--epochs 10] [--seeds 3] [--fold 0]

Trains the default model on a folder in the asl-signs layout, one of five folds of signers held out,
with every variant of `benchmarks.training` and several seeds; the last epoch's scores are printed.
"""

from __future__ import annotations

import argparse
import statistics as middle
from pathlib import Path

import numpy as np

from benchmarks.training import VARIANTS
from gislr.batches import Layout, TrainingBatches
from gislr.config.configuration import default_configuration
from gislr.data import landmark_statistics as statistics
from gislr.data.kaggle_folder import read_asl_signs
from gislr.data.preparation import prepare_clips
from gislr.data.preprocessing import reference
from gislr.data.splits import GroupKFold, Split, split_clips
from gislr.data.store import Store
from gislr.models import build_model
from gislr.utils.paths import resolve
from gislr.utils.quiet import quiet_backend


def scores(
    store: Store, split: Split, how: tuple[str, Layout], *, epochs: int, seed: int
) -> dict[str, float]:
    """Trains once and returns the scores on the held-out signers."""
    from gislr.evaluation.metrics.scores import score
    from gislr.training.backend import seed_everything
    from gislr.training.loop import TrainingLoop
    from gislr.training.prediction import predict
    from gislr.training.trainer import compile_model

    precision, layout = how
    seed_everything(seed, deterministic=True)
    configuration = default_configuration()
    settings = configuration.model
    model = build_model(
        settings,
        signs=len(store.signs),
        layout=layout,
        preprocessing=store.preprocessing,
        precision=precision,
        statistics=statistics.measure(store, split.train),
    )
    compile_model(model, configuration.optimizer, configuration.loss)
    batches = TrainingBatches(
        store,
        split.train,
        layout,
        samples_per_class=4,
        frame_masking=settings.frame_masking,
        seed=seed,
    )
    loop = TrainingLoop(
        model,
        batches,
        epochs=epochs,
        learning_rate=lambda epoch: 1e-3 * configuration.schedule.factor(epoch, epochs),
    )
    loop.fit(lambda epoch, metrics: None)
    labels = store.clips.labels[split.validation]
    return score(labels, predict(model, store, split.validation, layout))


def main() -> None:
    """Prints one line a variant and seed, then mean and spread."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fold", type=int, default=0)
    arguments = parser.parse_args()
    listing = read_asl_signs(arguments.root)
    store = prepare_clips(listing, settings=reference(64), cache=resolve(".cache") / "stores")
    split = split_clips(
        GroupKFold(name="group_kfold", column="signer", folds=5, fold=arguments.fold, seed=42),
        store.clips,
        store.all_clips,
    )
    with quiet_backend():
        import keras  # noqa: F401
    for name, how in reversed(VARIANTS.items()):
        found = []
        for seed in range(arguments.seeds):
            got = scores(store, split, how, epochs=arguments.epochs, seed=seed)
            found.append((got["acc"], got["weighted_f1"]))
            print(f"{name:<16} seed {seed}  acc {got['acc']:.4f}  f1 {got['weighted_f1']:.4f}")
        for metric, values in zip(("acc", "weighted F1"), np.transpose(found), strict=True):
            spread = f"({values.min():.4f} to {values.max():.4f})"
            print(f"{name:<16} {metric:<12} {middle.mean(values.tolist()):.4f}  {spread}")


if __name__ == "__main__":
    main()
