"""What is not training: tracking, and the command line before it begins.

python -m benchmarks.overheads [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics as middle
import subprocess
import sys
import tempfile
import time

from gislr.config.tracking_settings import TrackingSettings
from gislr.evaluation.metrics.scores import score_names
from gislr.tracking.run import tracked_run
from gislr.tracking.tracking_store import SQLITE


def main() -> None:
    """Prints the seconds of logging an epoch and of `--cfg job`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overheads", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
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


if __name__ == "__main__":
    main()
