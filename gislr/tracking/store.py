"""Where runs are kept: sqlite and artifacts under `mlruns/`, or a tracking server."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from filelock import FileLock

from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.relocation import ARTIFACTS, follow_move
from gislr.utils.errors import GislrError
from gislr.utils.paths import project_root
from gislr.utils.system_errors import system_error_message

SQLITE = "sqlite:///"
_NO_FILE = ("sqlite:", "sqlite:/", "sqlite://", SQLITE, f"{SQLITE}:memory:")

_LOCK_WAIT = "timeout=60"
# Seconds for which another process may hold sqlite's lock.

_ENVIRONMENT = {
    # MLflow's usage reports would leave the machine.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # By default a server that is gone is asked for minutes, and training waits.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}

_KIND = {"mlflow.experimentKind": "custom_model_development"}
# Without it MLflow's pages show what is for language models.


class TrackingError(GislrError):
    """The tracking store cannot be reached or used."""


def tracking_uri(settings_uri: str | None) -> str:
    """Returns the absolute URI of the store, whatever the working directory.

    Raises:
        TrackingError: It names a database without a file, which nobody else could read.
    """
    uri = settings_uri or f"{SQLITE}{project_root() / 'mlruns' / 'mlflow.db'}"
    if uri.partition("?")[0] in _NO_FILE:
        raise TrackingError(f"tracking.uri must name a file, as {SQLITE}FILE does; got {uri!r}.")
    return uri


def pages(settings_uri: str | None) -> str:
    """Returns how a person opens the pages of a store: a command or an address."""
    if settings_uri is None:
        return "make ui"
    if settings_uri.startswith(SQLITE):
        return f"gislr ui tracking.uri={settings_uri}"
    return settings_uri


def local_folder(settings_uri: str | None) -> Path:
    """Returns where files of this machine lie that belong to a store.

    That is the folder of a sqlite file; with a tracking server the project's own `mlruns/`.
    """
    uri = tracking_uri(settings_uri)
    store = uri if uri.startswith(SQLITE) else tracking_uri(None)
    return Path(store.removeprefix(SQLITE).partition("?")[0]).absolute().parent


def study_storage(settings_uri: str | None) -> str:
    """Returns the URL of the sweeps' studies."""
    return f"{SQLITE}{local_folder(settings_uri) / 'studies.db'}"


def connect(settings: TrackingSettings, *, create: bool = True) -> tuple[Any, str]:
    """Opens the store and the experiment, creating both when they are new.

    Several processes may do so at once: a new store is initialized under a lock.

    Args:
        settings: Where it is.
        create: Whether an experiment is made where there is none; its id is empty otherwise.

    Returns:
        An `mlflow.MlflowClient` and the experiment's id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    # It prints a traceback of what it raises; that is told in one line where it arrives.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    uri = tracking_uri(settings.uri)
    try:
        mlflow.set_tracking_uri(uri)
        if not uri.startswith(SQLITE):
            return _experiment(settings.experiment, None, create)
        folder = local_folder(uri)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            database = Path(uri.removeprefix(SQLITE).partition("?")[0]).absolute()
            if not database.exists():
                _create(database)
            follow_move(database)
            mlflow.set_tracking_uri(uri if "?" in uri else f"{uri}?{_LOCK_WAIT}")
            return _experiment(settings.experiment, (folder / ARTIFACTS).as_uri(), create)
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise TrackingError(
            system_error_message(error)
            or f"The tracking store {uri} must be reachable; {str(error).splitlines()[0][:200]}"
        ) from None


def _create(database: Path) -> None:
    """Makes a database beside its place: MLflow could never use one that is half made."""
    import mlflow

    beside = database.with_name(f"{database.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        new = beside / database.name
        mlflow.MlflowClient(f"{SQLITE}{new}").search_experiments(max_results=1)
        new.replace(database)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _experiment(name: str, artifacts: str | None, create: bool) -> tuple[Any, str]:
    import mlflow

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return client, experiment.experiment_id
    if not create:
        return client, ""
    location = f"{artifacts}/{name}" if artifacts else None
    return client, client.create_experiment(name, artifact_location=location, tags=_KIND)
