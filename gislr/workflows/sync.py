"""Sends what a tracking store did not take while trainings ran.

    python -m gislr.sync [--uri sqlite:///FILE]

Nothing is sent twice; what cannot be sent yet stays.
"""

from __future__ import annotations

from gislr.cli.hydra_app import argument_parser, errors_as_messages
from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.store import TrackingError, connect, local_folder
from gislr.utils.errors import GislrError
from gislr.utils.log import log


def sync(uri: str | None) -> int:
    """Sends what is kept of every run.

    Args:
        uri: The tracking store of the runs; the project's own when `None`. Of tracking servers
            everything is kept with the project's own.

    Returns:
        The number of runs that now lack nothing.

    Raises:
        GislrError: Something could not be sent.
    """
    from mlflow.exceptions import MlflowException

    from gislr.tracking.outbox import UNSENT, URI_FILE, Outbox

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


def main() -> None:
    """Reads the command line."""
    parser = argument_parser("sync", __doc__)
    parser.add_argument("--uri", help="another tracking store than the project's own")
    arguments = parser.parse_args()
    with errors_as_messages():
        sync(arguments.uri)
