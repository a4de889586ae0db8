"""Which process of which machine something belongs to, and whether that process still is."""

from __future__ import annotations

import os
import socket

import psutil

_CLOCK_SET = 5.0


def owner_tag() -> str:
    """Returns which process of which machine this is."""
    pid = os.getpid()
    return f"{socket.gethostname()} {pid} {psutil.Process(pid).create_time():.0f}"


def is_gone(tag: str) -> bool:
    """Tells whether a process of this machine is no more; others are told by their silence."""
    host, _, rest = tag.partition(" ")
    pid, _, created = rest.partition(" ")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        process = psutil.Process(int(pid))
        # The clock may have been set since, by which the same process seems a little older.
        another = abs(process.create_time() - float(created)) > _CLOCK_SET
        # What nobody has waited for, as in containers without an init, stays listed when it ended.
        return another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True
