"""Serves a small local page that records signs: clips of landmarks, and their manifest."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from omegaconf import DictConfig
from pydantic import Field

from gislr.record.record_server import RecordServer
from gislr.record.recordings import Recordings
from gislr.utils.addresses import is_own
from gislr.utils.errors import SettingError
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Positive, Text, Whole
from gislr.web import npm_packages
from gislr.workflows.command_settings import CommandSettings, read_command


class RecordSettings(CommandSettings):
    """Settings of `gislr record`; `conf/record.yaml` explains the keys."""

    signs: list[Text]
    signer: Text
    output: Text
    repetitions: Positive
    seconds: Annotated[float, Field(ge=0.5, le=10)]
    video: bool
    host: Text
    port: Whole


def record(config: DictConfig) -> None:
    """Serves the page until it is interrupted.

    Raises:
        GislrError: A setting cannot be used, the folder cannot take the clips, or MediaPipe's
            JavaScript cannot be fetched.
    """
    settings = read_command(RecordSettings, config)
    signs, [signer] = _names("signs", settings.signs), _names("signer", [settings.signer])
    if not is_own(settings.host):
        raise SettingError(
            f"host must be an address of this machine alone, such as 127.0.0.1; got "
            f"{settings.host}. Browsers give no webcam to other addresses."
        )
    mediapipe = npm_packages.mediapipe()
    session = datetime.now().isoformat(timespec="seconds")
    recordings = Recordings(resolve_here(settings.output), signer, session)
    server = RecordServer(
        (settings.host, settings.port),
        recordings,
        signs,
        repetitions=settings.repetitions,
        seconds=settings.seconds,
        video=settings.video,
        mediapipe=mediapipe,
    )
    log.info(f"gislr's page to record signs: {server.address} (Ctrl-C ends it)")
    with server:
        server.serve_forever()


def _names(key: str, given: list[str]) -> list[str]:
    """Returns names as a manifest keeps them: without surrounding spaces."""
    names = [name.strip() for name in given]
    if not names or not all(name and name.isprintable() for name in names):
        raise SettingError(f"{key} must be names that can be read; got {given!r}.")
    if len(set(names)) < len(names):
        raise SettingError(f"{key} must name each once; got {', '.join(names)}.")
    return names
