"""Studies in databases that several processes open at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from hydra_plugins.optuna_sweeper._errors import SweepError
from hydra_plugins.optuna_sweeper._patience import Patience, PatientStorage

SQLITE = "sqlite:///"
HEARTBEAT_SECONDS = 30
"""Time between two heartbeats of a running trial."""

_STALE_SECONDS = 4 * HEARTBEAT_SECONDS
"""Time without a heartbeat after which a trial of another machine is stale."""

_LOCK_SECONDS = 120
_POSTGRESQL = {
    # A connection whose other end has vanished ends within a minute, not within hours.
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SERVER_LOCKS = {
    "postgresql": "SELECT pg_advisory_lock(260814)",
    "mysql": f"SELECT GET_LOCK('optuna_sweeper', {_LOCK_SECONDS})",
}


def open_study(url: str, name: str, directions: list[str]) -> optuna.Study:
    """Opens a study; creates it and its database where they are new.

    Any number of processes may do so at once.

    Args:
        url: Optuna's storage URL.
        name: The study's name.
        directions: One for each value, `minimize` or `maximize`.

    Raises:
        SweepError: The storage cannot be used, or the study has other directions.
    """
    try:
        with locked(url):
            study = optuna.create_study(
                study_name=name, storage=_storage(url), directions=directions, load_if_exists=True
            )
    except (SQLAlchemyError, OSError, ValueError, ImportError, RuntimeError) as error:
        raise SweepError(
            f"hydra.sweeper.storage must be a database that can be opened, such as "
            f"sqlite:///FILE or postgresql://USER@HOST/NAME; {_first_line(error)}"
        ) from None
    found = [direction.name.lower() for direction in study.directions]
    if found != directions:
        raise SweepError(
            f"The study {name!r} has the directions {', '.join(found)}, not "
            f"{', '.join(directions)}; choose another hydra.sweeper.study_name."
        )
    return study


def load_study(url: str, name: str, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    """Opens an existing study, once its server answers; does not check the database's schema."""
    storage = _patience(url).once_answered(
        lambda: _storage(url, skip_compatibility_check=True, skip_table_creation=True)
    )
    return optuna.load_study(
        study_name=name,
        storage=storage,
        sampler=optuna.samplers.RandomSampler(),
        pruner=pruner,
    )


def copy_study(url: str, name: str, directions: list[str]) -> optuna.Study:
    """Returns a copy of the study in memory; creates no database."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    copy = optuna.create_study(study_name=name, directions=directions)
    if not url.startswith(SQLITE) or _sqlite_file(url).exists():
        try:
            found = optuna.load_study(study_name=name, storage=url)
        except KeyError:
            return copy
        copy.add_trials(found.get_trials(deepcopy=False))
    return copy


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Holds a lock for which other sweeps of the same database wait.

    It is a file beside an sqlite database, and the server's own lock on PostgreSQL and MySQL.
    """
    if url.startswith(SQLITE):
        file = _sqlite_file(url)
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock", timeout=_LOCK_SECONDS):
            yield
        return
    statement = next((lock for kind, lock in _SERVER_LOCKS.items() if url.startswith(kind)), None)
    if statement is None:
        yield
        return
    engine = create_engine(url, poolclass=NullPool, connect_args=_connection_options(url))
    # The server releases the lock when the connection ends, however this process ends.
    with engine.connect() as connection:
        connection.execute(text(statement))
        yield


def _connection_options(url: str) -> dict[str, Any]:
    if url.startswith(SQLITE):
        return {"timeout": _LOCK_SECONDS}
    return _POSTGRESQL if url.startswith(("postgresql:", "postgresql+psycopg")) else {}


def _sqlite_file(url: str) -> Path:
    return Path(url.removeprefix(SQLITE).partition("?")[0])


def _storage(url: str, **options: Any) -> Any:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Heartbeats and some arguments of samplers are experimental; the lock file pins Optuna.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    warnings.filterwarnings("ignore", message="Heartbeat of storage")
    if "://" not in url:
        raise ValueError(f"got {url!r}.")
    backend = optuna.storages.RDBStorage(
        url,
        engine_kwargs={"connect_args": _connection_options(url)},
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_period=_STALE_SECONDS,
        **options,
    )
    return PatientStorage(backend, _patience(url))


def _patience(url: str) -> Patience:
    return Patience(is_served=not url.startswith(SQLITE))


def _first_line(error: BaseException) -> str:
    if isinstance(error, ImportError) and error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
