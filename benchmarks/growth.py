"""How costs grow with the trials of a sweep, the runs of a store and the clips of a data set.

    python -m benchmarks.growth [--most 10000 1000 1000000] [--figure benchmarks/growth.png]

Each is measured at powers of ten up to the most trials, runs and clips. Stores have the 30
landmarks of `hand_and_mouth`: a million clips of the default 66 would take 16 GB of disk, not 7.
"""

from __future__ import annotations

import argparse
import logging
import statistics as middle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.made_up import MOST_FRAMES, made_up_store
from benchmarks.scale import peak_memory
from benchmarks.sweeping import filled_study, first_report, milliseconds
from gislr.config.tracking_settings import TrackingSettings
from gislr.data.preprocessing import reference

Curves = dict[str, list[float]]
"""By name, a value for each size."""

CLIPS, SIGNS, SIGNERS = 500, 25, 20
"""Of the predictions of each made-up run."""

PANELS = {
    "trials": (
        "sweep: seconds",
        ("a trial, tpe", "a trial, random", "its first report", "resume the sweep"),
    ),
    "runs": ("runs: seconds", ("list", "gislr compare")),
    "clips": ("store: seconds", ("open, read whole", "open again", "first batch", "batch")),
    "memory": ("store: peak memory, GiB", ("peak",)),
}


def sizes(least: int, most: int) -> Iterator[int]:
    """Yields the powers of ten."""
    while least <= most:
        yield least
        least *= 10


def seconds(call: Callable[[], object]) -> float:
    """Returns how long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure_trials(trials: int, folder: Path) -> list[float]:
    """Returns the seconds of a trial by two samplers, of its report, and of resuming the sweep."""
    database = filled_study(folder / f"{trials}.db", trials)
    opening, by_sampler = [], []
    for sampler in ("tpe", "random"):
        opened, costs = milliseconds(sampler, 20, database)
        opening.append(opened / 1000)
        by_sampler.append(middle.median(costs) / 1000)
    return [*by_sampler, first_report(database) / 1000, middle.median(opening)]


def measure_runs(runs: int, folder: Path) -> list[float]:
    """Returns the seconds of listing some runs and of comparing them."""
    from gislr.config.composition import compose
    from gislr.tracking.run_search import runs_by_experiment
    from gislr.workflows.compare import compare

    uri = f"sqlite:///{folder / str(runs)}/mlflow.db"
    settings = TrackingSettings(uri=uri, experiment="growth", run_name=None)
    _write_runs(settings, runs)
    command = compose("compare", f"tracking.uri={uri}", "experiment=growth")
    return [seconds(lambda: runs_by_experiment(settings)), seconds(lambda: compare(command))]


def _write_runs(settings: TrackingSettings, runs: int) -> None:
    """Writes finished runs with parameters, metrics and the predictions of clips held out."""
    from mlflow.entities import Metric, Param

    from gislr.evaluation.metrics.clip_predictions import FILE, ClipPredictions
    from gislr.tracking.tracking_store import connect
    from gislr.tracking.training_record import EVALUATION

    client, experiment = connect(settings)
    rng = np.random.default_rng(0)
    labels, frames = np.arange(CLIPS, dtype=np.int32) % SIGNS, np.full(CLIPS, 20)
    clips = np.arange(CLIPS)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            made = rng.random((CLIPS, SIGNS), np.float32)
            made[clips, labels] += 0.5
            predictions = ClipPredictions(
                clips=clips.astype(str),
                signers=(clips % SIGNERS).astype(str),
                labels=labels,
                frames=frames,
                raw_frames=frames,
                probabilities=made / made.sum(axis=1, keepdims=True),
                signs=[f"sign {sign}" for sign in range(SIGNS)],
            )
            predictions.save(Path(folder) / FILE)
            name = f"run {number}"
            run = client.create_run(experiment, run_name=name, tags={"experiment": "growth"})
            run_id = run.info.run_id
            client.log_batch(
                run_id,
                metrics=[Metric(f"metric {k}", 0.5, 0, 0) for k in range(10)],
                params=[Param(f"parameter {k}", str(number % (k + 1))) for k in range(40)],
            )
            client.log_artifact(run_id, f"{folder}/{FILE}", EVALUATION)
            client.set_terminated(run_id)


def measure_store(folder: Path) -> list[float]:
    """Returns the seconds of opening a store and building batches, and the memory in GiB."""
    from gislr.batches import TrainingBatches, layout_for
    from gislr.data import verified
    from gislr.data.store import open_store

    verified.SETTLED_SECONDS = -1  # the store has just been written
    for mark in folder.glob(".verified-*"):
        mark.unlink()
    first = seconds(lambda: open_store(folder))
    again = seconds(lambda: open_store(folder))
    store = open_store(folder)
    clips = np.arange(len(store.clips))
    batches = TrainingBatches(
        store, clips, layout_for(64, packed=True), samples_per_class=4, frame_masking=0.1, seed=0
    )
    first_batch = seconds(lambda: batches.batch(0, 0))  # which makes the sampler
    building = [seconds(lambda step=step: batches.batch(0, step)) for step in range(1, 8)]
    return [first, again, first_batch, middle.median(building), peak_memory()]


def measure_clips(clips: int, folder: Path) -> list[float]:
    """Does so for a new store, in a process of its own, whose memory holds nothing else."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        settings = reference(MOST_FRAMES).model_copy(update={"landmarks": "hand_and_mouth"})
        made_up_store(Path(place) / "store", clips, preprocessing=settings)
        command = [sys.executable, "-m", "benchmarks.growth", "--store", f"{place}/store"]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(value) for value in found.stdout.split()]


def draw(measured: dict[str, tuple[list[int], Curves]], file: Path) -> None:
    """Draws a panel for each kind of cost, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.6), layout="constrained")
    for axes, (kind, (title, _)) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        size, curves = measured[kind]
        for name, values in curves.items():
            axes.loglog(size, values, "o-", markersize=3, label=name)
        axes.set(title=title, xlabel="clips" if kind == "memory" else kind)
        axes.grid(visible=True, alpha=0.3)
        if len(curves) > 1:
            axes.legend(fontsize=8)
    figure.savefig(file, dpi=72, pil_kwargs={"optimize": True})


def main() -> None:
    """Prints a line a size, and draws all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--most", type=int, nargs=3, default=[10_000, 1_000, 1_000_000])
    parser.add_argument("--figure", type=Path, default=Path(__file__).with_name("growth.png"))
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.store:
        print(*measure_store(arguments.store))
        return
    logging.disable(logging.INFO)
    trials, runs, clips = arguments.most
    measured: dict[str, tuple[list[int], Curves]] = {}
    for kind, chosen, measure in (
        ("trials", sizes(10, trials), measure_trials),
        ("runs", sizes(10, runs), measure_runs),
        ("clips", sizes(1_000, clips), measure_clips),
    ):
        names = [*PANELS[kind][1], *(PANELS["memory"][1] if kind == "clips" else ())]
        table: dict[int, list[float]] = {}
        with tempfile.TemporaryDirectory() as folder:
            for size in chosen:
                table[size] = measure(size, Path(folder))
                found = zip(names, table[size], strict=True)
                values = ", ".join(f"{name} {value:.4g}" for name, value in found)
                print(f"{size:>9,} {kind}  {values}", flush=True)
        columns = dict(zip(names, map(list, zip(*table.values(), strict=True)), strict=True))
        if kind == "clips":
            measured["memory"] = (list(table), {"peak": columns.pop("peak")})
        measured[kind] = (list(table), columns)
    draw(measured, arguments.figure)


if __name__ == "__main__":
    main()
