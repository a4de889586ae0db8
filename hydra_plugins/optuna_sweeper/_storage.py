"""Studies in databases: created once, whoever comes first."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
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
_ATTEMPTS = 8


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
        if url.startswith(SQLITE):
            with locked(url):
                study = create()
        else:
            study = _insist(create)
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
    """Holds a lock beside an sqlite file; for a server's database it does nothing."""
    if not url.startswith(SQLITE):
        yield
        return
    from filelock import FileLock

    file = Path(url.removeprefix(SQLITE).partition("?")[0])
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock", timeout=_WAIT_FOR_LOCK):
        yield


def _storage(url: str, **options: Any) -> Any:
    import optuna

    if "://" not in url:
        raise ValueError(f"got {url!r}.")
    if url.startswith("redis"):
        return optuna.storages.get_storage(url)
    connect = {"connect_args": {"timeout": _WAIT_FOR_LOCK}} if url.startswith(SQLITE) else {}
    return optuna.storages.RDBStorage(
        url,
        engine_kwargs=connect or {"pool_pre_ping": True},
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


def _insist(create: Callable[[], optuna.Study]) -> optuna.Study:
    # Servers refuse one of two processes that create the same tables at the same time.
    from sqlalchemy.exc import SQLAlchemyError

    for attempt in range(_ATTEMPTS):
        try:
            return create()
        except SQLAlchemyError:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.2 * (attempt + 1))
    raise AssertionError


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
