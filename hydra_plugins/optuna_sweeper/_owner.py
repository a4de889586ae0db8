"""Owners: which process of which machine something belongs to, and whether it still runs."""

from __future__ import annotations

import os
import socket

import psutil

_CLOCK_SECONDS = 5.0


def owner_tag() -> str:
    """Returns a tag of this process: its machine, its id and when it started."""
    pid = os.getpid()
    return f"{socket.gethostname()} {pid} {psutil.Process(pid).create_time():.0f}"


def is_gone(tag: str) -> bool:
    """Tells whether a process of this machine has ended; those of other machines never are.

    Args:
        tag: A result of `owner_tag`.
    """
    host, _, rest = tag.partition(" ")
    pid, _, created = rest.partition(" ")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        process = psutil.Process(int(pid))
        # When the clock is set, the same process seems a little older.
        is_another = abs(process.create_time() - float(created)) > _CLOCK_SECONDS
        # An ended process that nobody waits for stays a zombie, as in containers without an init.
        return is_another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True
