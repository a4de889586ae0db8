"""Opens a page in the user's browser as soon as its server answers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import webbrowser
from urllib.parse import urlsplit

_LONGEST_WAIT, _ASK_EVERY = 120, 0.2  # seconds
_PORTS = {"http": 80, "https": 443}


def has_display() -> bool:
    """Tells whether this process can show a window; elsewhere a browser takes the terminal."""
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, displays))


def open_page(url: str) -> None:
    """Starts a process that opens a page once its server answers; without a display, does nothing.

    That process ends with this one if the server never answers, and Ctrl-C does not reach it.

    Args:
        url: The page's address.
    """
    if has_display():
        subprocess.Popen(
            [sys.executable, "-m", __name__, url, str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _open_once_served(url: str, parent: int) -> None:
    parts = urlsplit(url)
    address = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    end = time.monotonic() + _LONGEST_WAIT
    while True:
        try:
            socket.create_connection(address, timeout=5).close()
            break
        except OSError:
            if os.getppid() != parent or time.monotonic() > end:
                return
            time.sleep(_ASK_EVERY)
    webbrowser.open(url)


if __name__ == "__main__":
    _open_once_served(sys.argv[1], int(sys.argv[2]))
