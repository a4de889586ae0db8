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
from pathlib import Path
from typing import NamedTuple

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


class State(NamedTuple):
    """What a process holds: resident memory in MiB, open files, threads."""

    memory: float
    files: int
    threads: int

    def __str__(self) -> str:
        return (
            f"resident {self.memory:7.1f} MiB  open files {self.files:3}  threads {self.threads:3}"
        )


def watched(folder: Path, arguments: list[str], line: str) -> list[State]:
    """Runs a training and takes a sample at each line that matches.

    Args:
        folder: Where its cache and its runs are kept.
        arguments: Of `gislr.train`.
        line: A regular expression, at the line's start.

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
                samples.append(state(seen))
    if process.returncode:
        raise SystemExit(process.returncode)
    return samples


def state(process: psutil.Process) -> State:
    """Returns a process's memory, open files and threads."""
    memory = process.memory_info().rss / 2**20
    return State(memory, process.num_fds(), process.num_threads())


def show(what: str, samples: list[State]) -> None:
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
        show("epoch", watched(Path(folder), epochs, "epoch "))
        trials = [
            "-m",
            "training.epochs=1",
            "optimizer.learning_rate=interval(1e-4,1e-2)",
            f"hydra.sweeper.n_trials={arguments.trials}",
        ]
        show("trial", watched(Path(folder), trials, "trial "))


if __name__ == "__main__":
    main()
