"""Sends what a tracking store did not accept while trainings ran."""

from __future__ import annotations

from omegaconf import DictConfig

from gislr.tracking.outbox import Outbox, read_entry, waiting_entries
from gislr.tracking.tracking_store import connect
from gislr.utils.errors import GislrError
from gislr.utils.log import log
from gislr.workflows.command_settings import CommandSettings, read_command


def sync(config: DictConfig) -> int:
    """Sends the entries of every run that wait on this machine.

    Args:
        config: A composed `conf/sync.yaml`. `tracking.uri` is the store beside which they wait;
            those of tracking servers wait beside the project's own store.

    Returns:
        The number of runs whose entries were sent.

    Raises:
        GislrError: Some could not be sent.
    """
    from mlflow.exceptions import MlflowException

    settings = read_command(CommandSettings, config).tracking
    failures = []
    waiting = waiting_entries(settings.uri)
    for run_id, entries in waiting.items():
        try:
            uri = read_entry(entries[0])["uri"]
            client, _ = connect(settings.model_copy(update={"uri": uri}), create=False)
            failure = Outbox(client, run_id).flush()
        except (GislrError, MlflowException, OSError) as error:
            failure = str(error).splitlines()[0]
        left = len(waiting_entries(settings.uri).get(run_id, []))
        if failure and left:
            failures.append(f"run {run_id} still lacks {left} entries: {failure}")
        else:
            log.info(f"run {run_id}: {len(entries)} entries sent")
    if failures:
        raise GislrError("\n".join(failures))
    log.info("nothing is left to send")
    return len(waiting)
