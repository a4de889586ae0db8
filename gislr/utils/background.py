"""Calls that run in a process of their own while this one goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from multiprocessing import Pipe, parent_process
from typing import Any, ParamSpec, TypeVar

from hydra_plugins.optuna_sweeper import start_call

P = ParamSpec("P")
T = TypeVar("T")


def is_forked() -> bool:
    """Tells whether this process was started for a call, a trial or a report."""
    return parent_process() is not None


def begin(function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> Callable[[], T]:
    """Calls a function in a process of its own.

    That process has the libraries that `hydra_plugins.optuna_sweeper.preload` named. Where this one
    is forked itself, and has them, the call waits until its result is asked for.

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
    if is_forked():
        return partial(function, *arguments, **keywords)
    receiver, sender = Pipe(duplex=False)
    process = start_call(_call, sender, function, arguments, keywords, daemon=True)
    sender.close()

    def result() -> T:
        try:
            error, found = receiver.recv()
        except EOFError:
            return function(*arguments, **keywords)
        finally:
            process.join()
        if error is not None:
            raise error
        value: T = found
        return value

    return result


def _call(
    sender: Any,
    function: Callable[..., object],
    arguments: tuple[object, ...],
    keywords: Mapping[str, object],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    answer: tuple[Exception | None, object]
    try:
        answer = None, function(*arguments, **keywords)
    except Exception as error:
        answer = error, None
    with suppress(OSError):  # who waited for it may have ended
        sender.send(answer)
