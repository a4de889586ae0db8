"""A long day in one process: memory, open files and threads stay flat.

    python -m tests.faults.soak [--trials 200] [--hours 8] [--requests 20000]

The hours are those of the stream, whose frames come as fast as they are read.
"""

import argparse
import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from benchmarks.long_runs import State, show, state
from gislr.data.landmarks import POSE_NOSE, RIGHT_HAND, SHOULDERS
from gislr.inference.litert_recognizer import LiteRTRecognizer
from gislr.inference.streaming import StreamRecognizer
from gislr.record.record_server import RecordServer
from gislr.record.recordings import Recordings
from gislr.workflows.trial import _forget_models
from tests.conftest import configured
from tests.faults.fuzz_seeds import RECORDED, SIGNS, kept
from tests.serving import serving

SAMPLES = 40
RATE, CYCLE = 30, 90
"""Frames a second, and frames from one sign of the stream to the next."""

GROWTH = {"trials": 1.0, "stream": 0.01, "server": 0.01}
"""Bounds: MiB that the process may grow by for a training, a minute of stream, a request."""

SLACK = 24
"""MiB that memory may go up and down by."""


def trials(count: int) -> Iterator[None]:
    """Trains models one after another, as a trial trains those of its folds."""
    from gislr.models import MODELS
    from tests.tiny_training import tiny_training

    settings = configured(
        MODELS, "transformer", units=16, landmark_units=8, num_heads=2, num_blocks=1
    )
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(count):
            _, loop = tiny_training(Path(folder, "store"), settings, epochs=2, seed=seed)
            loop.fit(lambda epoch, metrics: None)
            del loop
            _forget_models()
            yield


def frame(number: int) -> np.ndarray:
    """A frame of somebody who raises a hand for half of the time: float32 [543, 3]."""
    found = np.full((543, 3), np.nan, np.float32)
    found[SHOULDERS] = [[0.4, 0.6, 0], [0.6, 0.6, 0]]
    found[POSE_NOSE] = [0.5, 0.3, 0]
    if number < CYCLE // 2:
        found[RIGHT_HAND] = 0.5
        found[RIGHT_HAND, 1] += 0.1 * np.sin(number / 3)
    return found


def stream(minutes: int) -> Iterator[None]:
    """Recognizes signs in a stream, and yields after each minute of it."""
    recognizer = StreamRecognizer(LiteRTRecognizer(kept("export/model.tflite"), SIGNS))
    frames = [frame(number) for number in range(CYCLE)]
    for minute in range(minutes):
        events = []
        for number in range(minute * 60 * RATE, (minute + 1) * 60 * RATE):
            events += recognizer.push(frames[number % CYCLE], number / RATE)
        assert len(events) >= 60 * RATE // CYCLE - 1, "the stream's signs are found"
        yield


@contextmanager
def served() -> Iterator[RecordServer]:
    """Serves the page that records signs, to this machine alone."""
    with tempfile.TemporaryDirectory() as folder:
        recordings = Recordings(Path(folder), "anna", "today")
        server = RecordServer(
            ("127.0.0.1", 0), recordings, SIGNS, repetitions=1, seconds=2, video=False, mediapipe={}
        )
        with serving(server):
            yield server


def server(count: int) -> Iterator[None]:
    """Asks for the page and its files, sends clips, and leaves some connections half open."""
    with served() as page:
        address = ("127.0.0.1", page.server_address[1])
        names = ["/", "/about", "/nothing", *(f"/{name}" for name in list(page.files)[:5])]
        for number in range(count):
            connection = HTTPConnection(*address, timeout=30)
            if number % 100 == 1:
                connection.request("POST", "/clips?sign=book&frames=2", RECORDED)
            elif number % 100 == 2:
                connection.putrequest("POST", "/clips?sign=book&frames=2")
                connection.putheader("Content-Length", "99")
                connection.endheaders()
                connection.close()
                yield
                continue
            else:
                connection.request("GET", names[number % len(names)])
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (200, 404), answer.status
            connection.close()
            yield


PARTS: dict[str, Callable[[int], Iterator[None]]] = {
    "trials": trials,
    "stream": stream,
    "server": server,
}


def watched(name: str, count: int) -> list[State]:
    """Runs a part and returns samples of this process, evenly spaced."""
    this = psutil.Process()
    samples = []
    for number, _ in enumerate(PARTS[name](count)):
        if number * SAMPLES // count != (number + 1) * SAMPLES // count:
            gc.collect()
            samples.append(state(this))
    return samples


def growth(samples: list[State], count: int) -> tuple[float, int, int]:
    """Returns how much the last quarter of the samples is above the second one.

    The first quarter loads and compiles.

    Returns:
        MiB for each training, minute or request; open files; threads.
    """
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]

    def middle(part: list[State], name: str) -> float:
        return median(getattr(sample, name) for sample in part)

    memory, files, threads = (middle(last, n) - middle(second, n) for n in State._fields)
    return max(0.0, memory - SLACK) / (count * 5 / 8), round(files), round(threads)


def main() -> None:
    """Prints how each part went."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--hours", type=float, default=8)
    parser.add_argument("--requests", type=int, default=20_000)
    given = parser.parse_args()
    counts = {"trials": given.trials, "stream": round(given.hours * 60), "server": given.requests}
    for name, count in counts.items():
        samples = watched(name, count)
        show(name, samples)
        memory, files, threads = growth(samples, count)
        print(
            f"{name}: beyond {SLACK} MiB, grows by {memory:.3f} MiB each (may: {GROWTH[name]}), "
            f"{files} files, {threads} threads",
            flush=True,
        )


if __name__ == "__main__":
    main()
