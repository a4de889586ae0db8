"""Studies in databases: created once, whoever comes first."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.optuna_sweeper._errors import SweepError

if TYPE_CHECKING:
    import optuna

SQLITE = "sqlite:///"
HEARTBEAT = 30
"""Seconds between two signs of life of a running trial."""

GRACE = 4 * HEARTBEAT
"""Seconds of silence after which a trial of another machine counts as dead."""

_WAIT_FOR_LOCK = 120
_SERVER_LOCKS = {
    "postgresql": "SELECT pg_advisory_lock(260814)",
    "mysql": f"SELECT GET_LOCK('optuna_sweeper', {_WAIT_FOR_LOCK})",
}


def open_study(
    url: str,
    name: str,
    directions: list[str],
    sampler: optuna.samplers.BaseSampler | None = None,
    pruner: optuna.pruners.BasePruner | None = None,
) -> optuna.Study:
    """Opens a study, creating it and its database where they are new.

    Any number of processes may do so at once.

    Args:
        url: Optuna's storage URL.
        name: The study's name.
        directions: One for each value, `minimize` or `maximize`.
        sampler: Optuna's sampler.
        pruner: Optuna's pruner.

    Raises:
        SweepError: The storage cannot be used, or the study has other directions.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    _quiet()

    def create() -> optuna.Study:
        return optuna.create_study(
            study_name=name,
            storage=_storage(url),
            directions=directions,
            sampler=sampler,
            pruner=pruner,
            load_if_exists=True,
        )

    try:
        with locked(url):
            study = create()
    except (SQLAlchemyError, OSError, ValueError, ImportError, RuntimeError) as error:
        raise SweepError(
            f"hydra.sweeper.storage must be a database that can be opened, such as "
            f"sqlite:///FILE or postgresql://USER@HOST/NAME; {_first_line(error)}"
        ) from None
    found = [direction.name.lower() for direction in study.directions]
    if found != directions:
        raise SweepError(
            f"The study {name!r} has the directions {', '.join(found)}, not "
            f"{', '.join(directions)}; give the new one another hydra.sweeper.study_name."
        )
    return study


def load_study(url: str, name: str, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    """Opens a study that exists, without looking at the database's schema again."""
    import optuna

    _quiet()
    return optuna.load_study(
        study_name=name,
        storage=_storage(url, skip_compatibility_check=True, skip_table_creation=True),
        sampler=optuna.samplers.RandomSampler(),
        pruner=pruner,
    )


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Holds a lock that other sweeps of the same database wait for.

    It is a file beside an sqlite database, and the server's own lock on PostgreSQL and MySQL.
    """
    if url.startswith(SQLITE):
        from filelock import FileLock

        file = Path(url.removeprefix(SQLITE).partition("?")[0])
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock", timeout=_WAIT_FOR_LOCK):
            yield
        return
    statement = next((lock for kind, lock in _SERVER_LOCKS.items() if url.startswith(kind)), None)
    if statement is None:
        yield
        return
    from sqlalchemy import NullPool, create_engine, text

    # The server lets go of it when the connection ends, however this process does.
    with create_engine(url, poolclass=NullPool).connect() as connection:
        connection.execute(text(statement))
        yield


def _storage(url: str, **options: Any) -> Any:
    import optuna

    if "://" not in url:
        raise ValueError(f"got {url!r}.")
    if url.startswith("redis"):
        return optuna.storages.get_storage(url)
    engine: dict[str, Any] = {"pool_pre_ping": True}
    if url.startswith(SQLITE):
        engine = {"connect_args": {"timeout": _WAIT_FOR_LOCK}}
    return optuna.storages.RDBStorage(
        url,
        engine_kwargs=engine,
        heartbeat_interval=HEARTBEAT,
        grace_period=GRACE,
        **options,
    )


def _quiet() -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Heartbeats and some of the samplers' arguments are experimental; the lock file pins Optuna.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    warnings.filterwarnings("ignore", message="Heartbeat of storage")


def _first_line(error: BaseException) -> str:
    if isinstance(error, ImportError) and error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
