"""What is not training: tracking, the command line before it begins, and what surrounds epochs.

    python -m benchmarks.overheads [--rounds 5] [--trials 4]

A small training on 400 simulated clips is watched from outside: the time until its first epoch
would have begun had all epochs been as quick as the quickest, and from its last epoch to the
prompt. Then a sweep of the same training: what its trials take beside their epochs.
"""

from __future__ import annotations

import argparse
import re
import statistics as middle
import subprocess
import sys
import tempfile
import time
from itertools import pairwise

from gislr.config.tracking_settings import TrackingSettings
from gislr.evaluation.metrics.scores import score_names
from gislr.tracking.run import tracked_run
from gislr.tracking.tracking_store import SQLITE

SMALL = (
    *("data.clips=400", "batches.samples_per_class=1", "training.epochs=3"),
    *("model.units=64", "model.landmark_units=64"),
)


def watched(*arguments: str) -> list[tuple[float, str]]:
    """Returns the lines that a training prints, each with its second; the end is the last one."""
    began = time.perf_counter()
    command = [sys.executable, "-u", "-m", "gislr.train", *arguments, *SMALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [(time.perf_counter() - began, line) for line in process.stdout or ()]
    return [*lines, (time.perf_counter() - began, "")]


def around_training(folder: str) -> tuple[float, float]:
    """Returns the seconds before the first epoch and after the last one."""
    lines = watched(f"tracking.uri={SQLITE}{folder}/mlflow.db")
    epochs = [second for second, line in lines if line.startswith("epoch ")]
    quickest = min(b - a for a, b in pairwise(epochs))
    return epochs[0] - quickest, lines[-1][0] - epochs[-1]


def around_trials(folder: str, trials: int) -> list[float]:
    """Returns the seconds of each trial but the first, less those of its epochs."""
    import mlflow

    seeds = ",".join(map(str, range(trials)))
    uri = f"{SQLITE}{folder}/mlflow.db"
    lines = watched("-m", f"seed={seeds}", f"tracking.uri={uri}")
    spent = [
        float(re.findall(r" ([0-9.]+) s  best", line)[0])
        for _, line in lines
        if line.startswith("trial ")
    ]
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("gislr").experiment_id
    runs = client.search_runs([experiment], "tags.trial != ''", order_by=["attributes.start_time"])
    rates = [client.get_metric_history(run.info.run_id, "clips_per_second") for run in runs]
    clips = [run.data.metrics["clips_trained_on"] // 20 * 20 for run in runs]  # 20 in a step
    epochs = [
        3 * count / max(point.value for point in each)
        for count, each in zip(clips, rates, strict=True)
    ]
    return [a - b for a, b in zip(spent, epochs, strict=True)][1:]


def main() -> None:
    """Prints the seconds of logging an epoch, of `--cfg job`, and around trainings and trials."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overheads", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=4)
    arguments = parser.parse_args()
    metrics = {f"val_{name}": 0.5 for name in score_names()} | dict.fromkeys(("loss", "acc"), 0.5)
    with tempfile.TemporaryDirectory() as folder:
        settings = TrackingSettings(
            uri=f"{SQLITE}{folder}/mlflow.db", experiment="bench", run_name=None
        )
        with tracked_run(settings, {}) as run:
            seconds = []
            for epoch in range(100):
                began = time.perf_counter()
                run.metrics(metrics, step=epoch)
                seconds.append(time.perf_counter() - began)
    print(
        f"tracking an epoch of {len(metrics)} metrics: {middle.median(seconds) * 1000:.1f} ms "
        f"({min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f})"
    )
    for flag in ("--cfg=job", "--help"):
        seconds = []
        for _ in range(arguments.rounds):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "gislr.train", flag], check=True, stdout=subprocess.DEVNULL
            )
            seconds.append(time.perf_counter() - began)
        print(
            f"python -m gislr.train {flag}: {middle.median(seconds):.2f} s "
            f"({min(seconds):.2f} to {max(seconds):.2f})"
        )
    with tempfile.TemporaryDirectory() as folder:
        around_training(folder)  # prepares the data
        found = [around_training(folder) for _ in range(arguments.rounds)]
        for what, seconds in zip(("before", "after"), zip(*found, strict=True), strict=True):
            print(
                f"a training, {what} its epochs: {middle.median(seconds):.1f} s "
                f"({min(seconds):.1f} to {max(seconds):.1f})"
            )
    with tempfile.TemporaryDirectory() as folder:
        costs = around_trials(folder, arguments.trials)
        print(
            f"a trial after the first, beside its epochs: {middle.median(costs):.1f} s "
            f"({min(costs):.1f} to {max(costs):.1f})"
        )


if __name__ == "__main__":
    main()
