"""Reads landmarks from videos, by a process in MediaPipe's own environment."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.raw_clips import MOST_FRAMES
from gislr.utils.errors import DataError, GislrError
from gislr.utils.terminal import progress_bars
from gislr.video.environment import SETUP, folder, mediapipe_python

Float32 = NDArray[np.float32]

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm")
WEBCAM = "webcam"
RECORDED_SECONDS = 3.0
MOST_SECONDS = 60
MOST_SIDE = 4096
STALLED_SECONDS = 120.0
"""Without a word for this long it hangs; a recording and a slow disk's first import are shorter."""

_SCRIPT = Path(__file__).with_name("holistic.py")
_ENDING_SECONDS = 10


def read_video(path: Path) -> Float32:
    """Finds the landmarks of a video.

    Returns:
        float32 [frames, 543, 3], NaN where MediaPipe found nothing.

    Raises:
        DataError: It is no video, too long or too large, or shows nobody.
        GislrError: MediaPipe is not set up, or does not run.
    """
    python = mediapipe_python()
    if not path.is_file():
        raise DataError(f"A video must be a file; there is no {path}.")
    return _read(python, str(path), path.name)


def read_webcam(seconds: float = RECORDED_SECONDS) -> Float32:
    """Counts down on standard error and records from the webcam; see `read_video`.

    Args:
        seconds: How long is recorded.
    """
    if not 0 < seconds <= MOST_SECONDS:
        raise DataError(f"A recording must last up to {MOST_SECONDS} seconds; got {seconds:g}.")
    return _read(mediapipe_python(), WEBCAM, "the webcam", str(seconds))


def _read(python: Path, source: str, name: str, *arguments: str) -> Float32:
    with tempfile.TemporaryDirectory() as name_of_folder:
        beside = Path(name_of_folder)
        output, noise = beside / "landmarks.npy", beside / "noise.txt"
        bounds = [str(MOST_FRAMES), str(MOST_SIDE)]
        command = [str(python), str(_SCRIPT), source, str(output), *bounds, *arguments]
        with noise.open("wb") as stderr, _lines(command, stderr.fileno(), name) as (process, lines):
            _follow(lines, name)
        if not output.is_file():
            raise _crash(process.returncode, noise, name)
        landmarks = np.load(output, allow_pickle=False)
    if np.isnan(landmarks).all():
        raise DataError(f"A video must show a person; nobody was found in {name}.")
    return np.asarray(landmarks, np.float32)


@contextmanager
def _lines(
    command: list[str], stderr: int, name: str
) -> Iterator[tuple[subprocess.Popen[str], Iterator[dict[str, object]]]]:
    """Yields a process and what it tells; the process has ended afterwards."""
    told: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def listen(process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            told.put(line)
        told.put(None)

    def lines() -> Iterator[dict[str, object]]:
        try:
            while (line := told.get(timeout=STALLED_SECONDS)) is not None:
                if line.startswith("{"):
                    yield json.loads(line)
        except queue.Empty:
            raise DataError(
                f"MediaPipe hangs at {name}, silent for {STALLED_SECONDS:g} seconds; try again."
            ) from None

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=stderr, stdin=subprocess.DEVNULL, text=True
    ) as process:
        # A pipe has no time limit of its own.
        listener = threading.Thread(target=listen, args=(process,), daemon=True)
        listener.start()
        try:
            yield process, lines()
            process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()
            listener.join()


def _follow(lines: Iterable[dict[str, object]], name: str) -> None:
    """Shows how far it is until it is done."""
    with progress_bars() as progress:
        advance, done = None, 0
        for told in lines:
            if "error" in told:
                raise DataError(f"{name} cannot be used: {told['error']}.")
            if "done" in told:
                return
            if "say" in told:
                print(told["say"], file=sys.stderr, flush=True)
                continue
            if advance is None:
                advance = progress(f"Finding landmarks in {name}", int(str(told["of"])))
            frames = int(str(told["frames"]))
            advance(frames - done)
            done = frames


def _crash(code: int, noise: Path, name: str) -> GislrError:
    """Returns the error of a process that wrote nothing; its other noise is no help."""
    lines = noise.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if code > 0 and lines:
        return GislrError(
            f"MediaPipe does not run: {lines[-1].strip()}; remove {folder()} and run: {SETUP}"
        )
    reason = f"killed by signal {-code}, perhaps for want of memory" if code < 0 else "no reason"
    return DataError(f"MediaPipe ended early at {name}: {reason}; try a shorter or smaller video.")
