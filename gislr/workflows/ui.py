"""Opens MLflow's pages on this project's runs."""

from __future__ import annotations

import os
import sys

from omegaconf import DictConfig

from gislr.tracking.tracking_store import SQLITE, local_folder, tracking_uri
from gislr.utils.addresses import warn_if_public
from gislr.utils.log import log
from gislr.utils.settings import Text, Whole
from gislr.workflows.command_settings import CommandSettings, read_command


class UiSettings(CommandSettings):
    """Settings of `gislr ui`; `conf/ui.yaml` explains the keys."""

    host: Text
    port: Whole


def ui(config: DictConfig) -> None:
    """Replaces this process with MLflow's server.

    Raises:
        GislrError: The tracking store cannot be used.
    """
    settings = read_command(UiSettings, config)
    uri = tracking_uri(settings.tracking.uri)
    if uri.startswith(SQLITE):
        local_folder(uri).mkdir(parents=True, exist_ok=True)
    host, port = settings.host, str(settings.port)
    warn_if_public(host)
    log.info(f"MLflow's pages: http://{host}:{port} (Ctrl-C ends them)")
    command = [sys.executable, "-m", "mlflow", "ui", "--host", host, "--port", port]
    os.execv(sys.executable, [*command, "--backend-store-uri", uri])
