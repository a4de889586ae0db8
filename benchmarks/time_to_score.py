"""The time to the report's score on real signers: from the command to its prompt, import apart.

    python -m benchmarks.time_to_score DIR [KEY=VALUE ...] [--folds 0 1 2] [--seeds 0 1 2]

DIR is the folder that `to_asl_signs.py` writes: real webcam landmarks of 25 signs by 96 signers.
Each training begins with raw landmarks and nothing prepared, holds out one of five folds of
signers, and is a process of its own. The reference notebook's own code has a mean weighted F1 of
0.7291 over the folds 0 to 2, in 752 s a fold on two cores of another machine; what compares with it
here is `+experiments=small_set_transformer training.epochs=10`.
"""

from __future__ import annotations

import argparse
import re
import statistics as middle
import subprocess
import sys
import tempfile
import time

from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.tracking_store import SQLITE, connect

REFERENCE = 0.7291
RECIPE = ("+experiments=small_set_quick",)


def import_seconds() -> float:
    """Returns how long a process takes that only imports what a training imports."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gislr.workflows.preloaded"], check=True)
    return time.perf_counter() - began


def trained(
    root: str, fold: int, seed: int, tracking: str, overrides: list[str]
) -> tuple[float, float]:
    """Returns the seconds of a training and its weighted F1 on the fold."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "gislr.train", "data=asl_signs", f"data.root={root}"),
                *("split=group_kfold", f"split.fold={fold}", f"seed={seed}"),
                *(f"preparation.cache={folder}", f"tracking.uri={SQLITE}{tracking}/mlflow.db"),
                *(overrides or RECIPE),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        seconds = time.perf_counter() - began
    return seconds, float(re.findall(r"val_f1 ([0-9.]+)", done.stdout)[-1])


def main() -> None:
    """Prints a line for each training, and the means over folds by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", metavar="DIR")
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    imported = middle.median(import_seconds() for _ in range(3))
    print(f"import: {imported:.1f} s, left out below")
    spent, means = [], []
    with tempfile.TemporaryDirectory() as tracking:
        connect(
            TrackingSettings(uri=f"{SQLITE}{tracking}/mlflow.db", experiment="x", run_name=None)
        )
        for seed in arguments.seeds:
            scores = []
            for fold in arguments.folds:
                seconds, score = trained(arguments.root, fold, seed, tracking, arguments.overrides)
                spent.append(seconds - imported)
                scores.append(score)
                print(f"seed {seed}, fold {fold}: {score:.4f} in {spent[-1]:.1f} s", flush=True)
            means.append(middle.mean(scores))
    print(
        f"mean weighted F1 by seed: {', '.join(f'{mean:.4f}' for mean in means)}; the reference's "
        f"{REFERENCE}\na fold: {middle.median(spent):.1f} s ({min(spent):.1f} to {max(spent):.1f})"
    )


if __name__ == "__main__":
    main()
