"""Sends what a run records, or keeps it on disk until the tracking store accepts it.

A store that is down, slow or refuses entries never stops a training. The entries wait in `unsent/`
beside the store's database, one file each, and are sent before anything later. An entry that is
sent twice is there once: metrics keep their time, artifacts their name.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gislr.tracking.tracking_store import TrackingError, local_folder
from gislr.utils.log import log
from gislr.utils.paths import atomic_file

_UNSENT, _ENTRY, _FILES = "unsent", "entry.json", "files"

_SLOW = 3.0
_PAUSE = 10
# After a failure or a slow answer of n seconds the store is left alone for _PAUSE * n seconds:
# waiting for it takes a tenth of the time at most.


class Outbox:
    """Sends the entries of one run, in order.

    Only processes that record the run add entries; several sweeps may share a parent run. Any
    process may send those that wait, one at a time: a lock guards that. Each entry is one file,
    which appears whole, is removed once it is sent, and shares no folder with others that would
    have to be removed.

    Args:
        client: An `mlflow.MlflowClient`.
        run_id: The run.
    """

    def __init__(self, client: Any, run_id: str) -> None:
        self._client = client
        self._run_id = run_id
        self._folder = local_folder(client.tracking_uri) / _UNSENT
        self._quiet_until = 0.0

    def put(self, kind: str, content: Mapping[str, Any], files: Path | None = None) -> None:
        """Sends an entry after all that wait; keeps it where that fails.

        Args:
            kind: A key of `SENDERS`.
            content: Values that JSON can hold.
            files: A folder that belongs to them.

        Raises:
            OSError: The entry can be neither sent nor kept.
        """
        failure: str | None = "it is slow"
        if time.monotonic() >= self._quiet_until:
            failure = self.flush(patient=False)
        if failure is None:
            send = SENDERS[kind]
            failure = self._timed(lambda: send(self._client, self._run_id, content, files))
        if failure is not None:
            self._keep(kind, content, files, failure)

    def flush(self, *, patient: bool = True) -> str | None:
        """Sends the entries that wait.

        Args:
            patient: Whether to wait for another process that sends them, and for a slow store.

        Returns:
            Why entries still wait; `None` if none do.
        """
        return self._timed(lambda: self._send_waiting(patient)) if self.entries() else None

    def entries(self) -> list[Path]:
        """Returns the files of the entries that wait, in order."""
        return sorted(self._folder.glob(f"{self._run_id}.*.zip"))

    def _timed(self, send: Callable[[], object]) -> str | None:
        began = time.monotonic()
        failure = attempt(send)
        took = time.monotonic() - began
        if failure is not None or took > _SLOW:
            self._quiet_until = time.monotonic() + _PAUSE * max(took, 1)
        return failure

    def _send_waiting(self, patient: bool) -> None:
        began = time.monotonic()
        lock = self._folder / f"{self._run_id}.lock"
        try:
            with FileLock(lock, timeout=-1 if patient else 0):
                # Others may come in the meantime.
                while waiting := self.entries():
                    for entry in waiting:
                        if not patient and time.monotonic() - began > _SLOW:
                            raise TrackingError("it is slow")
                        self._send(entry)
                        entry.unlink()
                lock.unlink()
        except Timeout:
            raise TrackingError("another process sends what waits") from None

    def _send(self, entry: Path) -> None:
        kept = read_entry(entry)
        with tempfile.TemporaryDirectory() as temporary:
            files = Path(temporary) / _FILES
            files.mkdir()
            with zipfile.ZipFile(entry) as archive:
                archive.extractall(temporary)
            SENDERS[kept["kind"]](self._client, self._run_id, kept["content"], files)

    def _keep(self, kind: str, content: Mapping[str, Any], files: Path | None, reason: str) -> None:
        waiting = self.entries()
        if not waiting:
            log.warning(
                f"The tracking store does not accept everything ({reason}); the rest waits in "
                f"{self._folder} until it does."
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        number = int(waiting[-1].name.split(".")[1]) + 1 if waiting else 0
        entry = {"uri": str(self._client.tracking_uri), "kind": kind, "content": content}
        with (
            atomic_file(self._folder / f"{self._run_id}.{number:06d}.{os.getpid()}.zip") as path,
            zipfile.ZipFile(path, "w") as archive,
        ):
            archive.writestr(_ENTRY, json.dumps(entry))
            if files is not None:
                for file in files.rglob("*"):
                    archive.write(file, Path(_FILES) / file.relative_to(files))


def waiting_entries(settings_uri: str | None) -> dict[str, list[Path]]:
    """Returns the files of the entries that wait beside a store, in order, by run."""
    found: dict[str, list[Path]] = {}
    for entry in sorted((local_folder(settings_uri) / _UNSENT).glob("*.zip")):
        found.setdefault(entry.name.partition(".")[0], []).append(entry)
    return found


def read_entry(entry: Path) -> dict[str, Any]:
    """Returns an entry that waits: `uri` of its store, `kind` and `content`.

    Raises:
        TrackingError: The file is damaged.
    """
    try:
        with zipfile.ZipFile(entry) as archive:
            return dict(json.loads(archive.read(_ENTRY)))
    except (zipfile.BadZipFile, KeyError, ValueError):
        raise TrackingError(f"{entry} must hold an entry; it is damaged, remove it.") from None


def attempt(send: Callable[[], object]) -> str | None:
    """Calls something that needs the tracking store; returns why it failed, in one line.

    Raises:
        MlflowException: The store will never accept these values.
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


def _values(client: Any, run_id: str, content: Mapping[str, Any], files: Path | None) -> None:
    from mlflow.entities import Metric, Param, RunTag

    client.log_batch(
        run_id,
        metrics=[
            Metric(name, value, content["time"], content["step"])
            for name, value in content.get("metrics", {}).items()
        ],
        params=[Param(*item) for item in content.get("parameters", {}).items()],
        tags=[RunTag(*item) for item in content.get("tags", {}).items()],
    )


def _dataset(client: Any, run_id: str, content: Mapping[str, Any], files: Path | None) -> None:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag

    source = CodeDatasetSource({"path": content["source"]})
    dataset = MetaDataset(source, name=content["name"], digest=content["digest"])
    context = InputTag("mlflow.data.context", content["context"])
    client.log_inputs(run_id, [DatasetInput(dataset._to_mlflow_entity(), [context])])


def _artifacts(client: Any, run_id: str, content: Mapping[str, Any], files: Path | None) -> None:
    client.log_artifacts(run_id, str(files), content["path"])


def _model(client: Any, run_id: str, content: Mapping[str, Any], files: Path | None) -> None:
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    run = client.get_run(run_id)
    outputs = run.outputs.model_outputs if run.outputs else []
    if content["name"] in [client.get_logged_model(each.model_id).name for each in outputs]:
        return
    model = client.create_logged_model(
        run.info.experiment_id, content["name"], run_id, params=dict(run.data.params)
    )
    saved = Model.load(str(files))
    saved.run_id, saved.model_id, saved.model_uuid = run_id, model.model_id, model.model_id
    saved.artifact_path = model.artifact_location
    saved.save(str(Path(str(files)) / "MLmodel"))
    client.log_model_artifacts(model.model_id, str(files))
    client.finalize_logged_model(model.model_id, "READY")
    # At the end: a model that a run names is whole.
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])


def _end(client: Any, run_id: str, content: Mapping[str, Any], files: Path | None) -> None:
    client.set_terminated(run_id, content["status"], content["time"])


SENDERS: dict[str, Callable[[Any, str, Mapping[str, Any], Path | None], None]] = {
    "values": _values,
    "dataset": _dataset,
    "artifacts": _artifacts,
    "model": _model,
    "end": _end,
}
"""By kind: a function of the client, the run's id, the content and the folder of its files."""
