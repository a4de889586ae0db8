"""Names the most likely signs of clips, with their probabilities."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from gislr.config.tracking_settings import TrackingSettings
from gislr.inference import Prediction, check_landmarks, most_likely
from gislr.inference.recognizer import TOP
from gislr.utils.errors import DataError
from gislr.utils.log import printable
from gislr.utils.paths import atomic_file, resolve_here
from gislr.utils.settings import AboveZero, Text
from gislr.utils.terminal import progress_bars
from gislr.video import VIDEO_SUFFIXES, read_video, read_webcam
from gislr.video.reading import RECORDED_SECONDS, WEBCAM
from gislr.workflows.command_settings import CommandSettings, read_command

if TYPE_CHECKING:
    from omegaconf import DictConfig

Clip = str | Path | NDArray[np.float32]

_AT_ONCE = 64


@dataclass(frozen=True)
class FilePrediction:
    """The most likely signs of a file.

    Attributes:
        file: The clip's file.
        found: Its signs.
    """

    file: str
    found: Prediction


def clip_files(given: Iterable[str]) -> list[Path]:
    """Returns files as they are given, and the parquet files of folders; `webcam` stays.

    Raises:
        DataError: Something does not exist, or a folder holds no parquet file.
    """
    found: list[Path] = []
    for name in given:
        path = resolve_here(name)
        if name == WEBCAM:
            found.append(Path(name))
        elif path.is_dir():
            inside = sorted(path.rglob("*.parquet"))
            if not inside:
                raise DataError(f"A folder of clips must hold .parquet files; {name} holds none.")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"A clip must be a file or a folder; there is no {name}.")
    return found


def read_clips(given: Clip | Iterable[Clip]) -> list[NDArray[np.float32]]:
    """Returns the landmarks of clips, float32 [frames, 543, 3] each.

    Args:
        given: Parquet files, folders of them, videos, or landmarks; one or several.

    Raises:
        DataError: A clip cannot be read.
    """
    found = []
    for clip in [given] if isinstance(given, str | Path | np.ndarray) else given:
        if isinstance(clip, str | Path):
            found += [check_landmarks(read_landmarks(file)) for file in clip_files([str(clip)])]
        else:
            found.append(check_landmarks(clip))
    return found


def predict_files(
    settings: TrackingSettings,
    model: str,
    files: Sequence[Path],
    problems: list[str],
    seconds: float = RECORDED_SECONDS,
) -> Iterator[FilePrediction]:
    """Yields the predictions of clips, in their order.

    Args:
        settings: Where the run is kept.
        model: See `open_recognizer`.
        files: Parquet files or videos, or `webcam`.
        problems: Takes a line for each file that is left out.
        seconds: How long the webcam records.

    Raises:
        GislrError: The model cannot be opened.
    """
    from gislr.inference.open_model import open_recognizer

    recognizer = open_recognizer(settings, model)
    with progress_bars() as progress:
        done = progress("Recognizing clips", len(files)) if len(files) > _AT_ONCE else None
        for start in range(0, len(files), _AT_ONCE):
            clips = []
            for file in files[start : start + _AT_ONCE]:
                try:
                    clips.append((file, check_landmarks(read_landmarks(file, seconds))))
                except DataError as error:
                    problems.append(f"{error}" if str(file) in str(error) else f"{file}: {error}")
            found = most_likely(recognizer, [landmarks for _, landmarks in clips])
            for (file, _), prediction in zip(clips, found, strict=True):
                yield FilePrediction(str(file), prediction)
            if done:
                done(min(_AT_ONCE, len(files) - start))


def read_landmarks(file: Path, seconds: float = RECORDED_SECONDS) -> NDArray[np.float32]:
    """Reads the landmarks of a parquet file or a video, or records some, [frames, 543, 3].

    Raises:
        DataError: A file cannot be used.
        GislrError: MediaPipe is not set up.
    """
    from gislr.data.raw_clips import require_clip

    if file == Path(WEBCAM):
        return read_webcam(seconds)
    return read_video(file) if file.suffix.lower() in VIDEO_SUFFIXES else require_clip(file)


def as_line(predicted: FilePrediction) -> str:
    """Returns a prediction as a line of a table."""
    found = predicted.found
    signs = "  ".join(
        f"{sign} {probability:.3f}"
        for sign, probability in zip(found.signs, found.probabilities, strict=True)
    )
    return f"{predicted.file}  {signs}{'' if found.has_hand else '  (no hand found)'}"


def write_text(predictions: Iterable[FilePrediction], file: TextIO) -> None:
    """Writes a line for each clip as soon as it is recognized."""
    for predicted in predictions:
        print(printable(as_line(predicted)), file=file, flush=True)


def write_json(predictions: Iterable[FilePrediction], file: TextIO) -> None:
    """Writes a list of objects."""
    values = [{"file": each.file, **asdict(each.found)} for each in predictions]
    print(json.dumps(values, ensure_ascii=False, indent=1), file=file)


def write_csv(predictions: Iterable[FilePrediction], file: TextIO) -> None:
    """Writes a row for each clip."""
    writer = csv.writer(file)
    numbers = range(1, TOP + 1)
    names = [name for k in numbers for name in (f"sign_{k}", f"probability_{k}")]
    writer.writerow(["file", "has_hand", *names])
    for predicted in predictions:
        found = predicted.found
        pairs = zip(found.signs, found.probabilities, strict=True)
        writer.writerow([predicted.file, found.has_hand, *(x for pair in pairs for x in pair)])


WRITERS = {"text": write_text, "json": write_json, "csv": write_csv}


class PredictSettings(CommandSettings):
    """What is recognized.

    Attributes:
        model: See `open_recognizer`.
        clips: Parquet files, folders of them, videos, `webcam`.
        format: A name of `WRITERS`; `None` follows the suffix of `output`.
        output: A file; `None` is standard output.
        seconds: How long the webcam records.
    """

    model: Text
    clips: list[Text]
    format: Literal["text", "json", "csv"] | None
    output: Text | None
    seconds: AboveZero

    @property
    def write(self) -> Callable[[Iterable[FilePrediction], TextIO], None]:
        """The function that writes the predictions."""
        suffix = Path(self.output or "").suffix.removeprefix(".").lower()
        return WRITERS.get(self.format or suffix, write_text)


def predict(config: DictConfig) -> None:
    """Names the five most likely signs of clips, with their probabilities.

    Args:
        config: A composed `conf/predict.yaml`.

    Raises:
        GislrError: The model cannot be opened, or, in the end, some clips could not be read.
    """
    settings = read_command(PredictSettings, config)
    files, problems = clip_files(settings.clips), list[str]()
    found = predict_files(settings.tracking, settings.model, files, problems, settings.seconds)
    if settings.output is None:
        settings.write(found, sys.stdout)
    else:
        with (
            atomic_file(resolve_here(settings.output)) as beside,
            beside.open("w", newline="", encoding="utf-8") as file,
        ):
            settings.write(found, file)
    if problems:
        raise DataError(problems)
