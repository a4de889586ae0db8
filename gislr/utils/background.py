"""Calls that run in another process while this one goes on."""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_SECONDS_IDLE = 120


def begin(function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> Callable[[], T]:
    """Calls a function in another process, which all such calls of this process share in turn.

    That process keeps the libraries that earlier calls imported, and ends when it was idle for
    some minutes or this process ends.

    Args:
        function: A function of a module, which does not depend on what this process has changed.
        arguments: Its arguments, which are copied.
        keywords: The same.

    Returns:
        A function that waits for the result and returns it, or raises what the call raised. If the
        other process was killed meanwhile, it calls the function in this one.

    >>> import math
    >>> root = begin(math.sqrt, 16.0)
    >>> root()
    4.0
    """
    from joblib.externals.loky import BrokenProcessPool, get_reusable_executor

    process: Any = get_reusable_executor(1, timeout=_SECONDS_IDLE, initializer=_stand_apart)
    # Else a process that is ended by `os._exit` would leave it behind.
    atexit.register(process.shutdown, kill_workers=True)
    call = process.submit(function, *arguments, **keywords)

    def result() -> T:
        try:
            found: T = call.result()
        except BrokenProcessPool:
            return function(*arguments, **keywords)
        return found

    return result


def _stand_apart() -> None:
    """Leaves Ctrl-C and the terminal to the process that calls.

    Who reads that one's output would wait for this one's end, too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Path(os.devnull).open("r+b") as nothing:
        for file in range(3):
            os.dup2(nothing.fileno(), file)
