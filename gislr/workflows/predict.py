"""Names the most likely signs of clips, with their probabilities."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from gislr.data.clip_files import READERS, VIDEO_SUFFIXES, require_clip
from gislr.inference import (
    Prediction,
    Recognizer,
    SignEvent,
    StreamRecognizer,
    check_landmarks,
    most_likely,
)
from gislr.inference.open_model import open_recognizer
from gislr.utils.errors import DataError, SettingError
from gislr.utils.paths import atomic_file, resolve_here
from gislr.utils.settings import AboveZero, Text
from gislr.utils.terminal import progress_bars
from gislr.video import read_video, read_webcam
from gislr.video.drawn_signs import draw_signs
from gislr.video.reading import RECORDED_SECONDS, WEBCAM, LandmarkFinder
from gislr.workflows.command_settings import CommandSettings, read_command
from gislr.workflows.prediction_output import WRITERS, Predictions, shown

Clip = str | Path | NDArray[np.float32]

FRAMES_PER_SECOND = 30
"""Of files of landmarks, which do not say."""
DRAWN = "mp4"

_BATCH = 64


class PredictSettings(CommandSettings):
    """Settings of `gislr predict`; `conf/predict.yaml` explains the keys."""

    model: Text
    clips: list[Text]
    stream: bool | None
    format: Literal["text", "json", "csv", "srt", "vtt"] | None
    output: Text | None
    seconds: AboveZero | None

    def is_stream(self, file: Path) -> bool:
        """Tells whether a file holds several signs, one after another."""
        if self.stream is not None:
            return self.stream
        return file == Path(WEBCAM) or is_video(file)


def predict(config: DictConfig) -> None:
    """Writes the most likely signs of clips and streams, with their probabilities.

    Raises:
        GislrError: The model cannot be opened, or, at the end, some clips could not be read.
        SettingError: Subtitles or signs cannot be written on what is named.
    """
    settings = read_command(PredictSettings, config)
    files, problems = clip_files(settings.clips), list[str]()
    suffix = Path(settings.output or "").suffix.lower().removeprefix(".")
    drawn = suffix == DRAWN and settings.output is not None
    kind = settings.format or (suffix if suffix in WRITERS else "text")
    _require_stream(settings, files, DRAWN if drawn else kind)
    recognizer = open_recognizer(settings.tracking, settings.model)
    found = predict_files(recognizer, files, problems, settings)
    if settings.output is None:
        WRITERS[kind](found, sys.stdout)
    elif drawn:
        events: list[tuple[Path, Prediction]] = []
        WRITERS[kind](_kept(found, events), sys.stdout)
        if not problems:
            draw_signs(files[0], list(shown(events)), resolve_here(settings.output))
    else:
        with (
            atomic_file(resolve_here(settings.output)) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            WRITERS[kind](found, file)
    if problems:
        raise DataError(problems)


def _kept(found: Predictions, events: list[tuple[Path, Prediction]]) -> Predictions:
    for pair in found:
        events.append(pair)
        yield pair


def _require_stream(settings: PredictSettings, files: Sequence[Path], kind: str) -> None:
    """Refuses subtitles, and videos with signs, of anything but one stream."""
    if kind not in (DRAWN, "srt", "vtt"):
        return
    if len(files) != 1 or not settings.is_stream(files[0]):
        raise SettingError(
            f"{kind} shows the signs of one stream; name one video, or landmarks with stream=true."
        )
    if kind == DRAWN and not is_video(files[0]):
        raise SettingError(
            f"{settings.output} must show a video with its signs, and {files[0]} is no video file; "
            "record one first."
        )


def is_video(file: Path) -> bool:
    """Tells whether a file is a video, by its suffix."""
    return file.suffix.lower() in VIDEO_SUFFIXES


def clip_files(names: Iterable[str]) -> list[Path]:
    """Returns files as they are given, and the files of landmarks of folders; `webcam` stays.

    Raises:
        DataError: A name does not exist, or a folder holds no file of landmarks.
    """
    found: list[Path] = []
    for name in names:
        path = resolve_here(name)
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in READERS)
        if path.is_dir() and not inside:
            known = ", ".join(READERS)
            raise DataError(f"A folder of clips must hold {known} files; {name} holds none.")
        if name != WEBCAM and not path.exists():
            raise DataError(f"A clip must be a file or a folder; there is no {name}.")
        found += inside or [Path(name) if name == WEBCAM else path]
    return found


def read_landmarks(file: Path, seconds: float = RECORDED_SECONDS) -> NDArray[np.float32]:
    """Reads the landmarks of a file or a video, or records some, [frames, 543, 3].

    Raises:
        DataError: The file cannot be used.
        GislrError: MediaPipe is not set up.
    """
    if file == Path(WEBCAM):
        return check_landmarks(read_webcam(seconds))
    return check_landmarks(read_video(file) if is_video(file) else require_clip(file))


def read_clips(clips: Clip | Iterable[Clip]) -> list[NDArray[np.float32]]:
    """Returns the landmarks of clips, float32 [frames, 543, 3] each.

    Args:
        clips: Files of landmarks, folders of them, videos, or landmarks; one or several.

    Raises:
        DataError: A clip cannot be read.
    """
    found: list[NDArray[np.float32]] = []
    for clip in [clips] if isinstance(clips, str | Path | np.ndarray) else clips:
        if isinstance(clip, str | Path):
            found += map(read_landmarks, clip_files([str(clip)]))
        else:
            found.append(check_landmarks(clip))
    return found


def predict_files(
    recognizer: Recognizer,
    files: Sequence[Path],
    problems: list[str],
    settings: PredictSettings,
) -> Iterator[tuple[Path, Prediction]]:
    """Yields each file and its most likely signs, in their order; of a stream, each sign.

    Args:
        recognizer: The model.
        files: Files of landmarks or videos, or `webcam`.
        problems: Takes one line for each file that cannot be read; it is left out.
        settings: Which files are streams, and how long the webcam records.
    """
    for is_stream, group in groupby(files, settings.is_stream):
        if not is_stream:
            yield from _predict_clips(recognizer, list(group), problems, settings.seconds)
            continue
        for file in group:
            try:
                for event in stream_signs(recognizer, file, settings.seconds):
                    yield file, event
            except DataError as error:
                problems.append(_of_file(file, error))


def _predict_clips(
    recognizer: Recognizer, files: Sequence[Path], problems: list[str], seconds: float | None
) -> Iterator[tuple[Path, Prediction]]:
    with progress_bars() as progress:
        done = progress("Recognizing clips", len(files)) if len(files) > _BATCH else None
        for start in range(0, len(files), _BATCH):
            clips = []
            for file in files[start : start + _BATCH]:
                try:
                    clips.append((file, read_landmarks(file, seconds or RECORDED_SECONDS)))
                except DataError as error:
                    problems.append(_of_file(file, error))
            found = most_likely(recognizer, [landmarks for _, landmarks in clips])
            yield from zip((file for file, _ in clips), found, strict=True)
            if done:
                done(min(_BATCH, len(files) - start))


def _of_file(file: Path, error: DataError) -> str:
    return f"{error}" if str(file) in str(error) else f"{file}: {error}"


def stream_signs(
    recognizer: Recognizer, file: Path, seconds: float | None = None
) -> Iterator[SignEvent]:
    """Yields the signs of a stream as soon as each has ended.

    Args:
        recognizer: The model.
        file: A video, a file of landmarks, whose frames count as 30 a second, or `webcam`.
        seconds: How long the webcam runs; until it is interrupted when `None`.

    Raises:
        DataError: The file cannot be used.
        GislrError: MediaPipe is not set up.
    """
    stream = StreamRecognizer(recognizer)
    try:
        for landmarks, time in _stream_frames(file, seconds):
            yield from stream.push(landmarks, time)
    except KeyboardInterrupt:
        if file != Path(WEBCAM):
            raise
    yield from stream.finish()


def _stream_frames(
    file: Path, seconds: float | None
) -> Iterator[tuple[NDArray[np.float32], float]]:
    if file != Path(WEBCAM) and not is_video(file):
        for frame, landmarks in enumerate(read_landmarks(file)):
            yield landmarks, frame / FRAMES_PER_SECOND
        return
    with LandmarkFinder() as finder:
        name = "the webcam" if file == Path(WEBCAM) else file.name
        yield from finder.stream(str(file), name, seconds or np.inf)
