"""Reads landmarks from videos, by a process in MediaPipe's own environment."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Timer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.raw_clips import MOST_FRAMES
from gislr.utils.errors import DataError, GislrError
from gislr.utils.terminal import progress_bars
from gislr.video.environment import SETUP, folder, mediapipe_python

Float32 = NDArray[np.float32]

WEBCAM = "webcam"
RECORDED_SECONDS = 3.0
MAX_SECONDS = 60
MAX_SIDE = 4096
STALLED_SECONDS = 120.0
"""A process that is silent for this long hangs; recordings and first imports take less."""

_SCRIPT = Path(__file__).with_name("holistic.py")
_EXIT_SECONDS = 10


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
        seconds: The length of the recording.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise DataError(f"A recording must last up to {MAX_SECONDS} seconds; got {seconds:g}.")
    return _read(mediapipe_python(), WEBCAM, "the webcam", str(seconds))


def _read(python: Path, source: str, name: str, *arguments: str) -> Float32:
    with tempfile.TemporaryDirectory() as scratch:
        output, errors = Path(scratch) / "landmarks.npy", Path(scratch) / "errors.txt"
        bounds = (str(MOST_FRAMES), str(MAX_SIDE))
        with (
            errors.open("wb") as stderr,
            subprocess.Popen(
                [python, _SCRIPT, source, output, *bounds, *arguments],
                stdout=subprocess.PIPE,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                text=True,
            ) as process,
        ):
            try:
                _show_progress(_messages(process, name), name)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_EXIT_SECONDS)
            finally:
                process.kill()
        if not output.is_file():
            raise _crash(process.returncode, errors, name)
        landmarks = np.load(output, allow_pickle=False)
    if np.isnan(landmarks).all():
        raise DataError(f"A video must show a person; nobody was found in {name}.")
    return np.asarray(landmarks, np.float32)


def _messages(process: subprocess.Popen[str], name: str) -> Iterator[dict[str, Any]]:
    """Yields the process's messages; kills it when it hangs, since a pipe has no time limit."""
    hangs = Event()

    def kill() -> None:
        hangs.set()
        process.kill()

    line = "start"
    while line:
        timer = Timer(STALLED_SECONDS, kill)
        timer.start()
        line = process.stdout.readline() if process.stdout else ""
        timer.cancel()
        if hangs.is_set():
            raise DataError(
                f"MediaPipe hangs at {name}, silent for {STALLED_SECONDS:g} seconds; try again."
            )
        if line.startswith("{"):
            yield json.loads(line)


def _show_progress(messages: Iterable[dict[str, Any]], name: str) -> None:
    """Shows the progress until the process is done."""
    with progress_bars() as progress:
        advance, frames = None, 0
        for message in messages:
            if "error" in message:
                raise DataError(f"{name} cannot be used: {message['error']}.")
            if "done" in message:
                return
            if "text" in message:
                print(message["text"], file=sys.stderr, flush=True)
                continue
            if advance is None:
                advance = progress(f"Finding landmarks in {name}", int(message["of"]))
            advance(int(message["frames"]) - frames)
            frames = int(message["frames"])


def _crash(code: int, errors: Path, name: str) -> GislrError:
    """Returns the error of a process that wrote no landmarks, from its last line."""
    lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if code > 0 and lines:
        return GislrError(
            f"MediaPipe does not run: {lines[-1].strip()}; remove {folder()} and run: {SETUP}"
        )
    reason = f"killed by signal {-code}, perhaps for want of memory" if code < 0 else "no reason"
    return DataError(f"MediaPipe ended early at {name}: {reason}; try a shorter or smaller video.")
