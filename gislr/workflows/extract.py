"""Turns videos into clips of landmarks, in the layout of the Kaggle set, and lists them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig
from pydantic import Field

from gislr.evaluation.figures.data_figures import frames_with_hand
from gislr.utils.errors import DataError, SettingError
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Positive, Text
from gislr.utils.terminal import progress_bars
from gislr.video.environment import mediapipe_python, set_up
from gislr.video.extraction import WITH_HAND, extract_videos, listed_videos, write_manifest
from gislr.video.reading import MAX_SECONDS
from gislr.workflows.command_settings import CommandSettings, read_command

FIGURE = "hands.png"


class ExtractSettings(CommandSettings):
    """Settings of `gislr extract`; `conf/extract.yaml` explains the keys."""

    videos: list[Text]
    output: Text
    workers: Positive | None
    seconds: Annotated[float, Field(gt=0, le=MAX_SECONDS)]
    setup: bool
    python: Text | None


def extract(config: DictConfig) -> Path | None:
    """Writes the landmarks of videos, a parquet file each, and returns the manifest of them.

    Raises:
        GislrError: MediaPipe is not set up, or, in the end, some videos could not be used.
    """
    settings = read_command(ExtractSettings, config)
    if settings.setup:
        log.info(f"MediaPipe is set up in {set_up(settings.python or sys.executable)}")
    elif not settings.videos:
        raise SettingError("Name a folder, a manifest, a video, webcam, or setup=true; see --help.")
    if not settings.videos:
        return None
    mediapipe_python()  # before videos are listed
    videos, output = listed_videos(settings.videos), resolve_here(settings.output)
    with progress_bars() as progress:
        advance = progress("Finding landmarks, videos", len(videos))
        found, problems = extract_videos(
            videos, output, settings.workers, advance, settings.seconds
        )
    manifest = None
    if found:
        manifest = write_manifest(found, output)
        shares = [float(video.columns[WITH_HAND]) for video in found]
        frames_with_hand(shares).savefig(output / FIGURE)
        log.info(f"{len(found):,} of {len(videos):,} videos: {manifest}, {output / FIGURE}")
    if problems:
        raise DataError(problems)
    return manifest
