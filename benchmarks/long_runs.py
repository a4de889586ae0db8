"""Whether memory and open files stay flat over many epochs of a run and many trials of a sweep.

    python -m benchmarks.long_runs [--epochs 500] [--trials 50]

Real commands on a tiny model and a small simulated sample, watched from outside while they run.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil

TINY = [
    "data.signs=4",
    "data.signers=4",
    "data.clips=48",
    "model.units=16",
    "model.landmark_units=8",
    "model.num_heads=2",
    "model.num_blocks=1",
    "preparation.workers=1",
]
SHOWN = 5


def watched(
    folder: Path, arguments: list[str], line: str, sample: Callable[[psutil.Process], str]
) -> list[str]:
    """Runs a training and takes a sample at each line that matches.

    Args:
        folder: Where its cache and its runs are kept.
        arguments: Of `gislr.train`.
        line: A regular expression, at the line's start.
        sample: Called with the process.

    Returns:
        The samples.
    """
    places = [f"preparation.cache={folder}/cache", f"tracking.uri=sqlite:///{folder}/mlflow.db"]
    command = [sys.executable, "-m", "gislr.train", *arguments, *TINY, *places]
    samples = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        seen = psutil.Process(process.pid)
        for text in process.stdout or []:
            if re.match(line, text):
                samples.append(sample(seen))
    if process.returncode:
        raise SystemExit(process.returncode)
    return samples


def state(process: psutil.Process) -> str:
    """Returns a process's memory, open files and threads."""
    return (
        f"resident {process.memory_info().rss / 2**20:7.1f} MiB  "
        f"open files {process.num_fds():3}  threads {process.num_threads():3}"
    )


def show(what: str, samples: list[str]) -> None:
    """Prints the first sample, the last and some between."""
    for part in range(SHOWN + 1):
        number = max(1, len(samples) * part // SHOWN)
        print(f"{what} {number:>4} of {len(samples)}: {samples[number - 1]}", flush=True)


def main() -> None:
    """Prints how both went."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_runs", description=__doc__)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--trials", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        epochs = [f"training.epochs={arguments.epochs}"]
        show("epoch", watched(Path(folder), epochs, "epoch ", state))
        trials = [
            "-m",
            "training.epochs=1",
            "optimizer.learning_rate=interval(1e-4,1e-2)",
            f"hydra.sweeper.n_trials={arguments.trials}",
        ]
        show("trial", watched(Path(folder), trials, "trial ", state))


if __name__ == "__main__":
    main()
