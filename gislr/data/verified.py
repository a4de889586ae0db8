"""Remembers which folders this machine has compared with their checksums.

A trial of a sweep opens the same store as the one before it, and reading gigabytes again finds
nothing new.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

SETTLED_SECONDS = 10
"""Age from which a file's times tell a later change: clocks of disks tick slowly and differ."""


def verify_once(folder: Path, names: Sequence[str], verify: Callable[[], None]) -> None:
    """Calls `verify`, unless it has passed on this machine and no file has changed since.

    That it passed is kept as an empty file, whose name is a digest of the machine, of where the
    files lie, and of their inodes, sizes and times, ctime included, which no program can set back.
    So any number of processes and machines may share a folder, a copy is verified anew, and the
    mark of a file that has changed since says nothing.

    Args:
        folder: A prepared folder, where the mark is kept; if it cannot be written to, the user's
            cache folder keeps it.
        names: Its files.
        verify: Reads them all; raises if one is not what was written.
    """
    folder = place = folder.resolve()
    if not os.access(folder, os.W_OK):
        place = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "gislr")
        with suppress(RuntimeError):  # a user without a home
            place = place.expanduser()
    files = []
    with suppress(OSError):  # a missing file, which `verify` reports
        files = [(folder / name).stat() for name in names]
    identity = [(s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in files]
    digest = hashlib.sha256(repr((socket.gethostname(), str(folder), identity)).encode())
    mark = place / f".verified-{digest.hexdigest()[:32]}"
    with suppress(OSError):
        mark.stat()
        return
    verify()
    # A change within the same tick of the disk's clock would look the same.
    settled = time.time() - max(s.st_ctime for s in files) > SETTLED_SECONDS
    if settled and place.is_absolute():
        with suppress(OSError):
            if place != folder:
                place.mkdir(parents=True, exist_ok=True)
            mark.touch()
