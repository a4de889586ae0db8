"""Sends what a tracking store did not take while trainings ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.store import TrackingError, connect, local_folder
from gislr.utils.errors import GislrError
from gislr.utils.log import log
from gislr.workflows.command_settings import CommandSettings, read_command

if TYPE_CHECKING:
    from omegaconf import DictConfig


def sync(config: DictConfig) -> int:
    """Sends what is kept of every run.

    Args:
        config: A composed `conf/sync.yaml`. `tracking.uri` is the store of the runs; entries for
            tracking servers are kept with the project's own store.

    Returns:
        The number of runs that now lack nothing.

    Raises:
        GislrError: Something could not be sent.
    """
    from mlflow.exceptions import MlflowException

    from gislr.tracking.outbox import UNSENT, URI_FILE, Outbox

    uri = read_command(CommandSettings, config).tracking.uri
    folders = sorted(path for path in (local_folder(uri) / UNSENT).glob("*") if path.is_dir())
    failures = []
    for folder in folders:
        kept_uri = (folder / URI_FILE).read_text(encoding="utf-8")
        count = len(list(folder.glob("*.json")))
        try:
            client, _ = connect(
                TrackingSettings(uri=kept_uri, experiment="gislr", run_name=None), create=False
            )
            failure = Outbox(client, folder.name).flush()
        except (TrackingError, MlflowException) as error:
            failure = str(error).splitlines()[0]
        if failure:
            left = len(list(folder.glob("*.json")))
            failures.append(f"run {folder.name} still lacks {left} entries: {failure}")
        else:
            log.info(f"run {folder.name}: {count} entries sent")
    if failures:
        raise GislrError("\n".join(failures))
    log.info("nothing is left to send")
    return len(folders)
