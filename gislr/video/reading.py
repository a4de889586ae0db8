"""Reads landmarks from videos, by a process in MediaPipe's own environment."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.raw_clips import MOST_FRAMES
from gislr.errors import DataError
from gislr.terminal import progress_bars
from gislr.video.environment import mediapipe_python

Float32 = NDArray[np.float32]

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm")
WEBCAM = "webcam"
RECORDED_SECONDS = 3.0
MOST_SECONDS = 60
MOST_PIXELS = 4096 * 2304


def read_video(path: Path) -> Float32:
    """Finds the landmarks of a video.

    Returns:
        float32 [frames, 543, 3], NaN where MediaPipe found nothing.

    Raises:
        DataError: It is no video, too long or too large, or shows nobody.
        GislrError: MediaPipe is not set up.
    """
    python = mediapipe_python()
    if not path.is_file():
        raise DataError(f"A video must be a file; there is no {path}.")
    return _read(python, str(path), path.name)


def read_webcam(seconds: float) -> Float32:
    """Records from the webcam; see `read_video`.

    Args:
        seconds: How long.
    """
    if not 0 < seconds <= MOST_SECONDS:
        raise DataError(f"A recording must last up to {MOST_SECONDS} seconds; got {seconds:g}.")
    return _read(mediapipe_python(), WEBCAM, "the webcam", str(seconds))


def record(seconds: float = RECORDED_SECONDS) -> Float32:
    """Counts down and records from the webcam; see `read_webcam`."""
    mediapipe_python()
    for left in (3, 2, 1):
        print(f"recording {seconds:g} seconds in {left} ...", file=sys.stderr, flush=True)
        time.sleep(1)
    return read_webcam(seconds)


def _read(python: Path, source: str, name: str, *arguments: str) -> Float32:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "landmarks.npy"
        script = Path(__file__).with_name("holistic.py")
        bounds = [str(MOST_FRAMES), str(MOST_PIXELS)]
        command = [str(python), str(script), source, str(output), *bounds, *arguments]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                _follow(_lines(process), name)
            finally:
                process.kill()
        if not output.is_file():
            raise DataError(f"MediaPipe ended early while it read {name}; try another video.")
        landmarks = np.load(output, allow_pickle=False)
    if np.isnan(landmarks).all():
        raise DataError(f"A video must show a person; nobody was found in {name}.")
    return np.asarray(landmarks, np.float32)


def _lines(process: subprocess.Popen[str]) -> Iterator[dict[str, object]]:
    for line in process.stdout or ():
        if line.startswith("{"):
            yield json.loads(line)


def _follow(lines: Iterator[dict[str, object]], name: str) -> None:
    """Shows how far it is until it is done."""
    with progress_bars() as progress:
        advance, done = None, 0
        for told in lines:
            if "error" in told:
                raise DataError(f"{name} cannot be used: {told['error']}.")
            if "done" in told:
                return
            if advance is None:
                advance = progress(f"Finding landmarks in {name}", int(str(told["of"])))
            frames = int(str(told["frames"]))
            advance(frames - done)
            done = frames
