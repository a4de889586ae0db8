"""Finds landmarks in videos, by a process in MediaPipe's own environment."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Timer
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LANDMARKS_PER_FRAME
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
_WHOLE = (0, -1)

Message = dict[str, Any]


class LandmarkFinder:
    """A process of MediaPipe, which finds the landmarks of one video after another.

    A context manager: the process ends with it.

    Raises:
        GislrError: MediaPipe is not set up.
    """

    def __init__(self) -> None:
        self._python = mediapipe_python()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._output, self._errors = (
            Path(self._folder.name) / name for name in ("landmarks.npy", "errors.txt")
        )
        return self

    def __exit__(self, error: object, *details: object) -> None:
        if error and self._process:
            self._process.kill()  # it may be in the middle of a long video
        self._end()
        self._folder.cleanup()

    def find(
        self,
        source: str,
        name: str,
        *,
        span: tuple[int, int] = _WHOLE,
        seconds: float = RECORDED_SECONDS,
        follow: Callable[[Message], None] = lambda message: None,
    ) -> Float32:
        """Finds the landmarks of a video.

        Args:
            source: The file, or `webcam`.
            name: What it is called in messages.
            span: First frame, from 0, and the frame after the last one; -1 for the video's end.
            seconds: How long the webcam records.
            follow: Called with `frames` and `of`, or with `text`, whenever there is progress.

        Returns:
            float32 [frames, 543, 3], NaN where MediaPipe found nothing. Frames are evenly spaced
            in time: those of a variable frame rate are chosen so.

        Raises:
            DataError: It is no video, too long or too large, or shows nobody.
            GislrError: MediaPipe does not run.
        """
        for message in self._answers(source, name, str(self._output), span, seconds):
            follow(message)
        landmarks = np.load(self._output, allow_pickle=False)
        _require_person(name, not np.isnan(landmarks).all())
        return np.asarray(landmarks, np.float32)

    def stream(
        self, source: str, name: str, seconds: float = np.inf
    ) -> Iterator[tuple[Float32, float]]:
        """Yields the landmarks of each frame as soon as they are found, however long the video is.

        Args:
            source: The file, or `webcam`.
            name: What it is called in messages.
            seconds: How long the webcam runs.

        Yields:
            float32 [543, 3], NaN where nothing was found, and when it shows, in seconds.

        Raises:
            GislrError: As `find`.
        """
        found = False
        for message in self._answers(source, name, None, _WHOLE, seconds):
            values = np.frombuffer(base64.b64decode(message["landmarks"]), np.float32)
            found = found or not np.isnan(values).all()
            yield values.reshape(LANDMARKS_PER_FRAME, 3), message["time"]
        _require_person(name, found)

    def _answers(
        self, source: str, name: str, output: str | None, span: tuple[int, int], seconds: float
    ) -> Iterator[Message]:
        """Sends a request and yields what the process reports until it is done."""
        process, (start, end) = self._running(), span
        request = {"source": source, "name": name, "output": output, "start": start, "end": end}
        with suppress(BrokenPipeError):  # the process has ended, which reading tells
            print(json.dumps(request | {"seconds": seconds}), file=process.stdin)
        began = False
        for message in self._messages(process, name):
            began = began or "frames" in message
            if "error" in message:
                raise DataError(f"{name} cannot be used: {message['error']}.")
            if "done" in message:
                return
            yield message
        raise self._crash(name, began=began)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            with self._errors.open("wb") as stderr:
                self._process = subprocess.Popen(
                    [self._python, _SCRIPT, str(MOST_FRAMES), str(MAX_SIDE)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    text=True,
                    bufsize=1,
                )
        return self._process

    def _end(self) -> int:
        """Ends the process and returns its code; the next request starts another."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                pipe and pipe.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_EXIT_SECONDS)
        process.kill()
        return process.wait()

    def _messages(self, process: subprocess.Popen[str], name: str) -> Iterator[Message]:
        """Yields the process's messages; kills it when it hangs, since a pipe has no time limit."""
        hangs = Event()

        def kill() -> None:
            hangs.set()
            process.kill()

        line = "start"
        while line:
            timer = Timer(STALLED_SECONDS, kill)
            timer.start()
            try:
                line = process.stdout.readline() if process.stdout else ""
            finally:  # Ctrl-C comes here, and a timer left alone would keep the command from ending
                timer.cancel()
            if hangs.is_set():
                self._end()
                raise DataError(
                    f"MediaPipe hangs at {name}, silent for {STALLED_SECONDS:g} seconds; try again."
                )
            if line.startswith("{"):
                yield json.loads(line)

    def _crash(self, name: str, *, began: bool) -> GislrError:
        """Returns the error of a process that has ended early, from its last line."""
        code = self._end()
        lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if code > 0 and lines and not began:
            return GislrError(
                f"MediaPipe does not run: {lines[-1].strip()}; remove {folder()} and run: {SETUP}"
            )
        reason = lines[-1].strip() if lines else "no reason"
        if code < 0:
            reason = f"killed by signal {-code}, perhaps for want of memory"
        return DataError(
            f"MediaPipe ended early at {name}: {reason}; try a shorter or smaller video."
        )


def _require_person(name: str, found: bool) -> None:
    if not found:
        raise DataError(f"A video must show a person; nobody was found in {name}.")


def read_video(path: Path) -> Float32:
    """Finds the landmarks of a video with a progress bar, see `LandmarkFinder.find`.

    Raises:
        GislrError: As `find`, or there is no such file.
    """
    with LandmarkFinder() as finder:
        if not path.is_file():
            raise DataError(f"A video must be a file; there is no {path}.")
        return _find_visibly(finder, str(path), path.name)


def read_webcam(seconds: float = RECORDED_SECONDS) -> Float32:
    """Counts down on standard error and records from the webcam, see `LandmarkFinder.find`.

    Args:
        seconds: The length of the recording.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise DataError(f"A recording must last up to {MAX_SECONDS} seconds; got {seconds:g}.")
    with LandmarkFinder() as finder:
        return _find_visibly(finder, WEBCAM, "the webcam", seconds)


def _find_visibly(
    finder: LandmarkFinder, source: str, name: str, seconds: float = RECORDED_SECONDS
) -> Float32:
    with progress_bars() as progress:
        advance: Callable[[int], None] | None = None
        frames = 0

        def follow(message: Message) -> None:
            nonlocal advance, frames
            if "text" in message:
                print(message["text"], file=sys.stderr, flush=True)
                return
            if advance is None:
                advance = progress(f"Finding landmarks in {name}", int(message["of"]))
            advance(int(message["frames"]) - frames)
            frames = int(message["frames"])

        return finder.find(source, name, seconds=seconds, follow=follow)
