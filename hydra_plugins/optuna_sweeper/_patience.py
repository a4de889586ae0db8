"""Storage of a study that waits for a database server which is away: restarted, or cut off."""

from __future__ import annotations

import itertools
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import _CachedStorage
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)

from hydra_plugins.optuna_sweeper._errors import SweepError

Result = TypeVar("Result")

# The last one where Optuna asks on in a session whose connection broke.
_LOST = (OperationalError, InterfaceError, PendingRollbackError)

_LONGEST_WAIT, _ASK_EVERY = 60, 2  # minutes, seconds


class Patience:
    """Repeats calls until the server answers.

    Args:
        is_served: Whether there is a server, which can be away; a file cannot.

    Attributes:
        back_since: When this process last saw the server come back, by `time.monotonic`.
    """

    def __init__(self, *, is_served: bool) -> None:
        self.back_since = -math.inf
        self._is_served = is_served
        self._here = threading.local()
        self._is_interrupted = False

    def once_answered(self, call: Callable[[], Result]) -> Result:
        """Calls something, again and again while the server is away.

        Raises:
            SweepError: The server stays away, or somebody interrupts the waiting.
        """
        deadline = time.monotonic() + 60 * _LONGEST_WAIT
        for attempt in itertools.count():
            try:
                result = call()
            except (SQLAlchemyError, StorageInternalError) as error:
                if getattr(self._here, "is_impatient", False) or not self._is_away(error):
                    raise
                self._wait(attempt, deadline, _reason(error))
            else:
                if attempt > 1:
                    self.back_since = time.monotonic()
                return result
        raise AssertionError

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Lets calls of this thread fail at once."""
        self._here.is_impatient = True
        try:
            yield
        finally:
            self._here.is_impatient = False

    def _is_away(self, error: Exception) -> bool:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        is_lost = isinstance(cause, DBAPIError) and cause.connection_invalidated
        return self._is_served and (is_lost or isinstance(cause, _LOST))

    def _wait(self, attempt: int, deadline: float, reason: str) -> None:
        if self._is_interrupted or time.monotonic() > deadline:
            raise SweepError(
                f"The study's database must answer within {_LONGEST_WAIT} minutes; {reason}. "
                "Once it does, the same command resumes the sweep."
            ) from None
        if attempt == 0:
            return  # a connection that was idle for long is often closed; the next one works
        if attempt == 1:
            text = f"Waiting for the study's database, which does not answer ({reason})."
            print(text, file=sys.stderr, flush=True)
        try:
            time.sleep(_ASK_EVERY)
        except KeyboardInterrupt:
            self._is_interrupted = True
            raise


class PatientStorage(_CachedStorage):
    """Repeats each call until the server answers.

    A call whose answer is lost may be made twice: values are set, not added, and `enqueue` marks
    what it adds.

    Args:
        backend: Optuna's storage.
        patience: How it waits.
    """

    def __init__(self, backend: optuna.storages.RDBStorage, patience: Patience) -> None:
        super().__init__(backend)
        self.patience = patience


def _patient(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: PatientStorage, *arguments: Any, **options: Any) -> Any:
        return self.patience.once_answered(lambda: method(self, *arguments, **options))

    return call


for _name, _method in {**vars(optuna.storages.BaseStorage), **vars(_CachedStorage)}.items():
    if callable(_method) and not _name.startswith("_"):
        setattr(PatientStorage, _name, _patient(getattr(_CachedStorage, _name)))


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    return (str(cause).splitlines() or [type(cause).__name__])[0][:200].rstrip(".")
