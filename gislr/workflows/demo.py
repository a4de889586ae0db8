"""Serves a small local page to try a model: simulated clips, own clips, the webcam."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from gislr.data.preparation import PreparationSettings
from gislr.data.sources import SOURCES
from gislr.demo.demo_clips import read_file
from gislr.demo.server import DemoServer
from gislr.inference.open_model import open_recognizer
from gislr.utils.addresses import warn_if_public
from gislr.utils.errors import DataError
from gislr.utils.log import log
from gislr.utils.paths import config_folder, resolve_here
from gislr.utils.settings import Text, Whole
from gislr.utils.terminal import progress_bars
from gislr.web import webcam
from gislr.workflows.command_settings import CommandSettings, read_command

Clips = dict[str, Callable[[], NDArray[np.float32]]]

_SIMULATED_CLIPS = 4


def sample_clips(files: list[Path]) -> Clips:
    """Returns a function that reads each clip of the page, by name: files and simulated clips.

    Raises:
        DataError: A file does not exist.
    """
    for path in files:
        if not path.is_file():
            raise DataError(f"clips must name files; there is no {path}.")
    names = [path.name for path in files]
    clips: Clips = {
        path.name if names.count(path.name) == 1 else str(path): partial(read_file, path)
        for path in files
    }
    section: Any = OmegaConf.to_container(OmegaConf.load(config_folder() / "data/sample.yaml"))
    with progress_bars() as progress:
        preparation = PreparationSettings(cache=".cache", workers=None)
        listing = SOURCES.read(section).listing(preparation, progress)
    simulated = [listing.root / path for path in sorted(listing.paths)[:_SIMULATED_CLIPS]]
    numbered = {f"simulated clip {k}": partial(read_file, p) for k, p in enumerate(simulated, 1)}
    return clips | numbered


class DemoSettings(CommandSettings):
    """Settings of `gislr demo`; `conf/demo.yaml` explains the keys."""

    model: Text
    clips: list[Text]
    host: Text
    port: Whole
    fetch_webcam: bool


def demo(config: DictConfig) -> None:
    """Serves the page until it is interrupted.

    Raises:
        GislrError: The model or a clip cannot be opened, or the address cannot be used.
    """
    settings = read_command(DemoSettings, config)
    if settings.fetch_webcam:
        log.info(f"MediaPipe's JavaScript is in {webcam.fetch()}")
        return
    model = settings.model
    recognizer = open_recognizer(settings.tracking, model)
    samples = sample_clips([resolve_here(name) for name in settings.clips])
    # A file is named by its folder; the whole path is too long for a title.
    title = "/".join(Path(model).parts[-2:]) if model.endswith(".tflite") else model
    warn_if_public(settings.host)
    address = (settings.host, settings.port)
    server = DemoServer(address, recognizer, samples, webcam=webcam.folder(), title=title)
    log.info(f"gislr's page: {server.address} (Ctrl-C ends it)")
    with server:
        server.serve_forever()
