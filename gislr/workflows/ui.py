"""Opens MLflow's page of this project's runs."""

from __future__ import annotations

import os
import socket

from omegaconf import DictConfig

from gislr.tracking.runs_page import runs_page
from gislr.tracking.tracking_store import connect, tracking_uri
from gislr.utils.addresses import HOST, explain_address, is_address, warn_if_public
from gislr.utils.log import log
from gislr.utils.open_page import open_page
from gislr.utils.settings import Text, Whole
from gislr.workflows.command_settings import CommandSettings, read_command


class UiSettings(CommandSettings):
    """Settings of `gislr ui`; `conf/ui.yaml` explains the keys."""

    host: Text
    port: Whole
    open: bool


def ui(config: DictConfig) -> None:
    """Runs MLflow's server; a tracking server has pages of its own.

    Raises:
        GislrError: The tracking store or the address cannot be used.
    """
    settings = read_command(UiSettings, config)
    uri = tracking_uri(settings.tracking.uri)
    has_server = uri.startswith("http")
    if not has_server:
        _require_free(settings.host, settings.port)
    page = runs_page(*connect(settings.tracking))
    if has_server:
        url = f"{uri.rstrip('/')}/{page}"
        log.info(f"The tracking server's page of these runs: {url}")
    else:
        warn_if_public(settings.host)
        url = f"http://{_reachable(settings.host)}:{settings.port}/{page}"
        log.info(f"MLflow's page of these runs: {url} (Ctrl-C ends it)")
    if settings.open:
        open_page(url)
    if not has_server:
        _serve(uri, settings.host, settings.port)


def _reachable(host: str) -> str:
    """Returns the host of an address that a browser on this machine can open."""
    if host in ("0.0.0.0", "::"):
        return HOST
    return f"[{host}]" if is_address(host) and ":" in host else host


def _require_free(host: str, port: int) -> None:
    """Listens for a moment: MLflow would tell after many seconds, and exit as if all were well."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with explain_address(host, port), socket.create_server((host, port), family=family):
        pass


def _serve(uri: str, host: str, port: int) -> None:
    from mlflow.cli import cli

    # Its jobs judge language models, and take nine more processes.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    # MLflow would start four processes; on a busy machine it ends them before they answer.
    cli(
        ["ui", "--workers", "1", "--backend-store-uri", uri, "--host", host, "--port", str(port)],
        prog_name="mlflow",
    )
