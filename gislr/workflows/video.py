"""Turns videos into clips of landmarks, in the layout of the Kaggle set."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from gislr.data.raw_clips import write_clip
from gislr.utils.errors import DataError, SettingError
from gislr.utils.log import log
from gislr.utils.paths import atomic_file, resolve_here
from gislr.utils.settings import AboveZero, Text
from gislr.video.environment import mediapipe_python, set_up
from gislr.video.reading import WEBCAM, read_video, read_webcam
from gislr.workflows.command_settings import CommandSettings, read_command

SUFFIX = ".parquet"


def output_files(sources: Sequence[str], output: Path) -> list[Path]:
    """Returns the parquet file of each source, and makes their folder.

    Args:
        sources: Video files or `webcam`.
        output: A folder, or the parquet file of a single source.

    Raises:
        SettingError: Two sources would be written to the same file.
        DataError: The folder cannot be made.
    """
    is_file = output.suffix == SUFFIX and not output.is_dir()
    files = [output if is_file else output / f"{Path(source).stem}{SUFFIX}" for source in sources]
    for file, count in Counter(files).items():
        if count > 1:
            raise SettingError(
                f"Each video needs a file of its own, and {file} would be written twice; name a "
                "folder, or read videos of the same name one by one."
            )
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"output must be a folder that can be written: {error}.") from None
    return files


def write_landmarks(source: str, seconds: float, path: Path) -> None:
    """Writes the landmarks of a video, or of so many seconds of `webcam`, as a parquet file.

    Raises:
        DataError: The video cannot be used, or the file cannot be written.
        GislrError: MediaPipe is not set up.
    """
    landmarks = read_webcam(seconds) if source == WEBCAM else read_video(resolve_here(source))
    try:
        with atomic_file(path) as partial:
            write_clip(partial, landmarks)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error}.") from None


class VideoSettings(CommandSettings):
    """Settings of `gislr video`; `conf/video.yaml` explains the keys."""

    clips: list[Text]
    output: Text
    seconds: AboveZero
    setup: bool
    python: Text | None


def video(config: DictConfig) -> list[Path]:
    """Writes the landmarks of videos, a parquet file each, and returns the files.

    Raises:
        GislrError: MediaPipe is not set up, or, in the end, some videos could not be read.
    """
    settings = read_command(VideoSettings, config)
    if settings.setup:
        log.info(f"MediaPipe is set up in {set_up(settings.python or sys.executable)}")
    elif not settings.clips:
        raise SettingError("Name a video, webcam, or setup=true; see --help.")
    if settings.clips:
        mediapipe_python()  # before videos are read, which takes minutes
    problems: list[str] = []
    written = []
    files = output_files(settings.clips, resolve_here(settings.output))
    for source, file in zip(settings.clips, files, strict=True):
        try:
            write_landmarks(source, settings.seconds, file)
        except DataError as error:
            problems += error.problems
        else:
            log.info(str(file))
            written.append(file)
    if problems:
        raise DataError(problems)
    return written
