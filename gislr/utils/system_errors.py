"""Errors of the operating system, such as a full disk, in one sentence."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from collections.abc import Iterator

_ELSEWHERE = "set preparation.cache, tracking.uri or TMPDIR to another place"

_SENTENCES = {
    errno.ENOSPC: f"must have room on its disk; it is full. Free space, or {_ELSEWHERE}.",
    errno.EDQUOT: f"must be within the disk's quota; it is used up. Free space, or {_ELSEWHERE}.",
    errno.EFBIG: f"must be allowed to grow; a file's largest size is reached. Raise ulimit -f, "
    f"or {_ELSEWHERE}.",
    errno.EROFS: f"must be writable; its disk is read-only. Mount it otherwise, or {_ELSEWHERE}.",
    errno.EACCES: f"must be open to this user; permission was denied. Permit it, or {_ELSEWHERE}.",
    errno.EPERM: f"must be open to this user; it was not permitted. Permit it, or {_ELSEWHERE}.",
    errno.EMFILE: "must be opened; this process has too many files open. Raise the "
    "limit (ulimit -n).",
    errno.ENFILE: "must be opened; the system has too many files open. End other programs.",
    errno.EIO: f"must be readable and writable; its disk reports an error. Look after the disk, or "
    f"{_ELSEWHERE}.",
    errno.ENOENT: "must exist; it does not. Make it, or name another.",
    errno.ENOTDIR: "must lie in a folder; a file is in the folder's place. Name another.",
    errno.EEXIST: "must be a folder or new; a file is in its place. Name another.",
    errno.ENAMETOOLONG: "must have a name that the disk can hold; it is too long. Name another.",
}

_OF_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}


def system_error_message(error: BaseException) -> str | None:
    """Returns the sentence for an error of the operating system.

    Args:
        error: The error, or one that was raised from it.

    Returns:
        What is expected, what was received and what to do; `None` for every other error.
    """
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _SENTENCES:
            unnamed = "The working directory" if cause.errno == errno.ENOENT else "A file"
            path = cause.filename2 or cause.filename or unnamed
            return f"{os.fsdecode(path)} {_SENTENCES[cause.errno]}"
        if isinstance(cause, sqlite3.Error):
            # The low byte is the kind; the rest says more about it.
            kind = _OF_SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
            return f"{_database()} {_SENTENCES[kind]}" if kind else None
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def _database() -> str:
    """Returns the tracking store's address, as far as one was opened."""
    mlflow = sys.modules.get("mlflow")
    return f"The tracking store {mlflow.get_tracking_uri()}" if mlflow else "The database"
