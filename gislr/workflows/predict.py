"""Names the most likely signs of clips, with their probabilities."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal, TextIO

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from gislr.data.clip_files import READERS, VIDEO_SUFFIXES, require_clip
from gislr.inference import Prediction, Recognizer, check_landmarks, most_likely
from gislr.inference.open_model import open_recognizer
from gislr.inference.recognizer import TOP
from gislr.utils.errors import DataError
from gislr.utils.log import printable
from gislr.utils.paths import atomic_file, resolve_here
from gislr.utils.settings import AboveZero, Text
from gislr.utils.terminal import progress_bars
from gislr.video import read_video, read_webcam
from gislr.video.reading import RECORDED_SECONDS, WEBCAM
from gislr.workflows.command_settings import CommandSettings, read_command

Clip = str | Path | NDArray[np.float32]
Predictions = Iterable[tuple[Path, Prediction]]

_BATCH = 64


class PredictSettings(CommandSettings):
    """Settings of `gislr predict`; `conf/predict.yaml` explains the keys."""

    model: Text
    clips: list[Text]
    format: Literal["text", "json", "csv"] | None
    output: Text | None
    seconds: AboveZero


def predict(config: DictConfig) -> None:
    """Writes the five most likely signs of clips, with their probabilities.

    Raises:
        GislrError: The model cannot be opened, or, at the end, some clips could not be read.
    """
    settings = read_command(PredictSettings, config)
    files, problems = clip_files(settings.clips), list[str]()
    recognizer = open_recognizer(settings.tracking, settings.model)
    found = predict_files(recognizer, files, problems, settings.seconds)
    suffix = Path(settings.output or "").suffix.lower().removeprefix(".")
    write = WRITERS.get(settings.format or suffix, write_text)
    if settings.output is None:
        write(found, sys.stdout)
    else:
        with (
            atomic_file(resolve_here(settings.output)) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            write(found, file)
    if problems:
        raise DataError(problems)


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
    is_video = file.suffix.lower() in VIDEO_SUFFIXES
    return check_landmarks(read_video(file) if is_video else require_clip(file))


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
    recognizer: Recognizer, files: Sequence[Path], problems: list[str], seconds: float
) -> Iterator[tuple[Path, Prediction]]:
    """Yields each file and its most likely signs, in their order.

    Args:
        recognizer: The model.
        files: Parquet files or videos, or `webcam`.
        problems: Takes one line for each file that cannot be read; it is left out.
        seconds: How long the webcam records.
    """
    with progress_bars() as progress:
        done = progress("Recognizing clips", len(files)) if len(files) > _BATCH else None
        for start in range(0, len(files), _BATCH):
            clips = []
            for file in files[start : start + _BATCH]:
                try:
                    clips.append((file, read_landmarks(file, seconds)))
                except DataError as error:
                    problems.append(f"{error}" if str(file) in str(error) else f"{file}: {error}")
            found = most_likely(recognizer, [landmarks for _, landmarks in clips])
            yield from zip((file for file, _ in clips), found, strict=True)
            if done:
                done(min(_BATCH, len(files) - start))


def write_text(predictions: Predictions, output: TextIO) -> None:
    """Writes one line for each clip as soon as it is recognized."""
    for file, found in predictions:
        pairs = zip(found.signs, found.probabilities, strict=True)
        signs = "  ".join(f"{sign} {probability:.3f}" for sign, probability in pairs)
        doubt = "" if found.sure else "  (not sure)" if found.has_hand else "  (no hand found)"
        print(printable(f"{file}  {signs}{doubt}"), file=output, flush=True)


def write_json(predictions: Predictions, output: TextIO) -> None:
    """Writes a list of one object for each clip."""
    values = [{"file": str(file), **asdict(found)} for file, found in predictions]
    print(json.dumps(values, ensure_ascii=False, indent=1), file=output)


def write_csv(predictions: Predictions, output: TextIO) -> None:
    """Writes one row for each clip."""
    writer = csv.writer(output)
    names = [f"{name}_{k}" for k in range(1, TOP + 1) for name in ("sign", "probability")]
    writer.writerow(["file", "has_hand", "sure", *names])
    for file, found in predictions:
        pairs = zip(found.signs, found.probabilities, strict=True)
        values = (value for pair in pairs for value in pair)
        writer.writerow([file, found.has_hand, found.sure, *values])


WRITERS = {"text": write_text, "json": write_json, "csv": write_csv}
