"""Serves the page to try a model, the same that `gislr export page=true` writes."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from gislr.data.clip_files import require_clip
from gislr.demo.demo_page import Clips, demo_page, simulated_clips
from gislr.inference import check_landmarks
from gislr.inference.litert_recognizer import LiteRTRecognizer
from gislr.inference.open_model import open_recognizer
from gislr.utils.addresses import warn_if_public
from gislr.utils.errors import DataError
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Text, Whole
from gislr.web import npm_packages
from gislr.web.page_server import PageServer
from gislr.workflows.command_settings import CommandSettings, read_command


class DemoSettings(CommandSettings):
    """Settings of `gislr demo`; `conf/demo.yaml` explains the keys."""

    model: Text
    clips: list[Text]
    host: Text
    port: Whole


def demo(config: DictConfig) -> None:
    """Serves the page until it is interrupted.

    Raises:
        GislrError: The model or a clip cannot be opened, the page's JavaScript cannot be fetched,
            or the address cannot be used.
    """
    settings = read_command(DemoSettings, config)
    own = own_clips([resolve_here(name) for name in settings.clips])
    model = settings.model
    recognizer = open_recognizer(settings.tracking, model)
    packages = {**npm_packages.runtime(), **npm_packages.mediapipe()}
    if not isinstance(recognizer, LiteRTRecognizer):
        from gislr.export.litert import litert

        log.info("exporting the model")
        [content] = litert(recognizer.models)
        recognizer = LiteRTRecognizer(content, recognizer.signs, recognizer.rejection_threshold)
    # A file is named by its folder; the whole path is too long for a title.
    title = "/".join(Path(model).parts[-2:]) if model.endswith(".tflite") else model
    files = demo_page(recognizer, title, {**own, **simulated_clips()}, packages)
    warn_if_public(settings.host)
    server = PageServer((settings.host, settings.port), files)
    log.info(f"gislr's page: {server.address} (Ctrl-C ends it)")
    with server:
        server.serve_forever()


def own_clips(files: list[Path]) -> Clips:
    """Returns clips by their files' names.

    Raises:
        DataError: A file does not exist, or is no clip.
    """
    for path in files:
        if not path.is_file():
            raise DataError(f"clips must name files; there is no {path}.")
    names = [path.name for path in files]
    return {
        path.name if names.count(path.name) == 1 else str(path): check_landmarks(require_clip(path))
        for path in files
    }
