"""What goes into a run: sent at once, or kept on disk until the tracking store takes it.

A store that is gone, slow or refuses does not stop a training. What it cannot take is written into
a folder beside `mlruns/`'s database, in order, and sent before anything later. Everything can be
sent twice without being there twice: metrics keep their time, artifacts their name.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from gislr.tracking.sending import SENDERS
from gislr.tracking.store import TrackingError, local_folder
from gislr.utils.log import log
from gislr.utils.paths import atomic_file, errors_name_path

UNSENT = "unsent"
URI_FILE = "tracking_uri.txt"

_SLOW = 3.0
_PAUSE = 10
# A store that fails or takes long is asked again after so many times what it took: waiting for it
# takes a tenth of the time at most.


class Outbox:
    """Sends what is written into one run.

    Args:
        client: An `mlflow.MlflowClient`.
        run_id: The run.
    """

    def __init__(self, client: Any, run_id: str) -> None:
        self._client = client
        self._run_id = run_id
        self._uri = str(client.tracking_uri)
        self.folder = local_folder(self._uri) / UNSENT / run_id
        self._wait_until = 0.0

    def put(self, kind: str, content: Mapping[str, Any], files: Path | None = None) -> None:
        """Sends something, after everything before it; keeps it where that fails.

        Args:
            kind: A key of `SENDERS`.
            content: What is sent, as JSON can hold it.
            files: A folder that belongs to it.

        Raises:
            OSError: It could be neither sent nor kept.
        """
        failure = "it was slow" if time.monotonic() < self._wait_until else self.flush()
        if failure is None:
            failure = self._try(kind, content, files)
        if failure is not None:
            self._keep(kind, content, files, failure)

    def flush(self) -> str | None:
        """Sends what is kept; returns the reason where something could not be sent."""
        if not self.folder.is_dir():
            return None
        with FileLock(self.folder.with_suffix(".lock")):
            for entry in self.entries():
                sent = json.loads(entry.read_text(encoding="utf-8"))
                files = entry.with_suffix("")
                failure = self._try(
                    sent["kind"], sent["content"], files if files.is_dir() else None
                )
                if failure is not None:
                    return failure
                entry.unlink()
                shutil.rmtree(files, ignore_errors=True)
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.with_suffix(".lock").unlink(missing_ok=True)
        return None

    def entries(self) -> list[Path]:
        """Returns what is kept, in order."""
        return sorted(self.folder.glob("*.json"))

    def _try(self, kind: str, content: Mapping[str, Any], files: Path | None) -> str | None:
        began = time.monotonic()
        failure = attempt(lambda: SENDERS[kind](self._client, self._run_id, content, files))
        took = time.monotonic() - began
        if failure is not None or took > _SLOW:
            self._wait_until = time.monotonic() + _PAUSE * max(took, 1)
        return failure

    def _keep(self, kind: str, content: Mapping[str, Any], files: Path | None, reason: str) -> None:
        if not self.folder.is_dir():
            log.warning(
                f"The tracking store did not take everything ({reason}); what is left is kept in "
                f"{self.folder} until it does."
            )
            self.folder.mkdir(parents=True)
        with errors_name_path(self.folder):
            if not (self.folder / URI_FILE).exists():
                with atomic_file(self.folder / URI_FILE) as path:
                    path.write_text(self._uri, encoding="utf-8")
            kept = self.entries()
            number = int(kept[-1].stem) + 1 if kept else 0
            entry = self.folder / f"{number:06d}.json"
            if files is not None:
                _copy(files, entry.with_suffix(""))
            with atomic_file(entry) as path:
                path.write_text(json.dumps({"kind": kind, "content": content}), encoding="utf-8")


def _copy(folder: Path, target: Path) -> None:
    """Copies a folder; `shutil.copytree` does not say whether the disk was full."""
    target.mkdir(exist_ok=True)
    for path in sorted(folder.rglob("*")):
        copy = target / path.relative_to(folder)
        copy.mkdir(exist_ok=True) if path.is_dir() else shutil.copyfile(path, copy)


def attempt(send: Callable[[], object]) -> str | None:
    """Calls something that needs the tracking store; returns why it failed, in one line.

    Raises:
        MlflowException: What is sent is wrong, and always will be.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        send()
    except (TrackingError, MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        if getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE":
            raise
        with suppress(IndexError):
            return str(error).splitlines()[0][:200]
        return type(error).__name__
    return None
