"""The tracking store: sqlite and artifacts under `mlruns/`, or a tracking server."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from gislr.config.tracking_settings import TrackingSettings
from gislr.utils.errors import GislrError
from gislr.utils.paths import is_checkout, project_root
from gislr.utils.system_errors import system_error_message
from hydra_plugins.optuna_sweeper import has_password

SQLITE = "sqlite:///"
_NO_FILE = ("sqlite:", "sqlite:/", "sqlite://", SQLITE, f"{SQLITE}:memory:")
_ARTIFACTS = "artifacts"

_LOCK_WAIT = 60
# Seconds for which another process may hold sqlite's lock.

_ENVIRONMENT = {
    # MLflow's usage reports would leave the machine.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # By default MLflow asks a server that is down for minutes, and training waits.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    # A server's address of every run would stand between the lines of a sweep.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}

_UNAUTHORIZED = 401

_KIND = {"mlflow.experimentKind": "custom_model_development"}
# Without it MLflow's pages show what is for language models.

_LOCATIONS = {
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["source", "storage_location"],
}
# The columns of MLflow's database that hold absolute paths.


class TrackingError(GislrError):
    """The tracking store cannot be reached or used."""


def tracking_uri(settings_uri: str | None) -> str:
    """Returns the absolute URI of the store, whatever the working directory.

    Raises:
        TrackingError: It names a database without a file, which no other process could read, or
            holds a password.
    """
    uri = settings_uri or f"{SQLITE}{project_root() / 'mlruns' / 'mlflow.db'}"
    if uri.partition("?")[0] in _NO_FILE:
        raise TrackingError(f"tracking.uri must name a file, as {SQLITE}FILE does; got {uri!r}.")
    if has_password(uri):
        raise TrackingError(
            "tracking.uri must hold no password, which every run would keep; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or PGPASSWORD for a database."
        )
    return uri


def pages(settings_uri: str | None) -> str:
    """Returns how a person opens the pages of a store: a command or an address.

    Example:
        >>> from gislr.tracking.tracking_store import pages
        >>> pages("sqlite:///runs/mlflow.db")
        'gislr ui tracking.uri=sqlite:///runs/mlflow.db'
    """
    if settings_uri is None:
        return "make ui" if is_checkout() else "gislr ui"
    if settings_uri.startswith(SQLITE):
        return f"gislr ui tracking.uri={settings_uri}"
    return settings_uri


def local_folder(settings_uri: str | None) -> Path:
    """Returns the folder of this machine's files that belong to a store.

    It holds the sqlite file; for a tracking server it is the project's own `mlruns/`.
    """
    uri = tracking_uri(settings_uri)
    return database_file(uri if uri.startswith(SQLITE) else tracking_uri(None)).parent


def study_storage(settings_uri: str | None) -> str:
    """Returns the URL of the studies of sweeps."""
    return f"{SQLITE}{local_folder(settings_uri) / 'studies.db'}"


def connect(settings: TrackingSettings, *, create: bool = True) -> tuple[Any, str]:
    """Opens the store and the experiment, creating both when they are new.

    Several processes may do so at once: a lock guards a new store. A store that was moved or copied
    with its artifacts finds them.

    Args:
        settings: Where it is.
        create: Whether to create a missing experiment; its id is empty otherwise.

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

    # It prints a traceback of what it raises, which TrackingError says in one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    uri = tracking_uri(settings.uri)
    try:
        mlflow.set_tracking_uri(uri)
        if not uri.startswith(SQLITE):
            return _experiment(settings.experiment, None, create)
        database = database_file(uri)
        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(database.with_name(".lock")):
            if not database.exists():
                _create(database)
            relocate(database)
            mlflow.set_tracking_uri(uri if "?" in uri else f"{uri}?timeout={_LOCK_WAIT}")
            artifacts = database.with_name(_ARTIFACTS).as_uri()
            return _experiment(settings.experiment, artifacts, create)
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        if getattr(error, "get_http_status_code", int)() == _UNAUTHORIZED:
            raise TrackingError(
                f"The tracking server {uri} must know this user; it refuses the name or the "
                "password. Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
            ) from None
        raise TrackingError(
            system_error_message(error)
            or _version_message(error, uri)
            or f"The tracking store {uri} must be reachable; {str(error).splitlines()[0][:200]}"
        ) from None


def database_file(uri: str) -> Path:
    """Returns the file of a store `sqlite:///FILE`."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0]).absolute()


def _version_message(error: Exception, uri: str) -> str | None:
    """Returns the sentence for a database of another MLflow, and `None` for other errors."""
    if "database schema" not in str(error):
        return None
    import mlflow

    return (
        f"The tracking store {uri} must have the tables of MLflow {mlflow.__version__}; another "
        "version has written it. If a newer one has, update MLflow; if an older one has, keep a "
        f"copy of the database, then run: mlflow db upgrade {uri}"
    )


def _create(database: Path) -> None:
    """Creates a database beside its place: MLflow could never use one that is half written."""
    import mlflow

    new = database.with_name(f"{database.name}.tmp") / database.name
    shutil.rmtree(new.parent, ignore_errors=True)
    new.parent.mkdir()
    mlflow.MlflowClient(f"{SQLITE}{new}").search_experiments(max_results=1)
    new.replace(database)
    shutil.rmtree(new.parent)


def _experiment(name: str, artifacts: str | None, create: bool) -> tuple[Any, str]:
    import mlflow
    from mlflow.exceptions import MlflowException

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return client, experiment.experiment_id
    if not create:
        return client, ""
    location = f"{artifacts}/{name}" if artifacts else None
    try:
        return client, client.create_experiment(name, artifact_location=location, tags=_KIND)
    except MlflowException as error:
        # Of another machine, or of a request whose answer was lost.
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return client, client.get_experiment_by_name(name).experiment_id


def relocate(database: Path) -> None:
    """Points the runs of a store that was moved or copied to the artifacts beside its database.

    It rewrites only locations that this package has chosen, and only if the artifacts are there: an
    experiment elsewhere keeps its own.

    Args:
        database: The sqlite file; the caller holds a lock on its folder.

    Raises:
        sqlite3.Error: The file cannot be read, or cannot be rewritten although it must be.
    """
    if not database.is_file():
        return
    here = database.with_name(_ARTIFACTS)
    with closing(sqlite3.connect(database, timeout=_LOCK_WAIT)) as connection, connection:
        columns = [
            (table, column)
            for table, names in _LOCATIONS.items()
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
            if column in names
        ]
        if ("experiments", "artifact_location") not in columns:
            return
        locations = connection.execute("SELECT artifact_location FROM experiments").fetchall()
        for former in {root for (location,) in locations if (root := _former(location, here))}:
            for table, column in columns:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE substr({column}, 1, ?) = ?",
                    (f"{here.as_uri()}/", len(former) + 1, len(former), former),
                )


def _former(location: str | None, here: Path) -> str | None:
    """Returns the start of a location outside of `here` whose artifacts lie in `here` now."""
    root, separator, name = (location or "").rpartition(f"/{_ARTIFACTS}/")
    former = Path(unquote(urlsplit(root).path)) / _ARTIFACTS
    if not root.startswith("file:") or former == here or not (here / unquote(name)).is_dir():
        return None
    # The same folder by another name, such as a link.
    if former.is_dir() and former.samefile(here):
        return None
    return root + separator
