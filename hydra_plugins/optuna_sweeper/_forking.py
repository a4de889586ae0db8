"""Processes that are forked from one that has the libraries already.

The first one is started with what `preload` names: the libraries of an application are imported
once, and each trial still has a process of its own, whose memory and faults are its own.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

_LIBRARIES = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
_FORKS = "forkserver" in multiprocessing.get_all_start_methods()
_METHOD = "forkserver" if _FORKS else "spawn"
_PROCESSES: Any = multiprocessing.get_context(_METHOD)
_UNCOLLECTED = f"{__package__}._uncollected"


def preload(*modules: str) -> None:
    """Imports modules once, before the first trial of this process.

    They must start no thread and touch no GPU: neither survives a fork. A module that cannot be
    imported is left to the trials.
    """
    _PROCESSES.set_forkserver_preload([_UNCOLLECTED, *modules])


def begin_preloading(processes: int = 1) -> None:
    """Begins to import what `preload` named, while this process goes on.

    Args:
        processes: How many trials run at the same time and share the cores.
    """
    if processes > 1:
        count = str(max(1, (os.cpu_count() or 1) // processes))
        for name in _LIBRARIES:
            os.environ.setdefault(f"{name}_THREADS", count)
    if _FORKS:
        from multiprocessing import forkserver  # not on every system

        forkserver.ensure_running()


def start_process(
    arguments: Sequence[str], folder: str, environment: Mapping[str, str], log: Path
) -> Any:
    """Starts a program in a process of its own, a `multiprocessing.Process`.

    Args:
        arguments: Python's arguments, see `TrialCommand`.
        folder: Its working directory.
        environment: All of its environment variables.
        log: Gets its output.
    """
    # Workers of joblib have a method of their own, which a new process would look for.
    multiprocessing.set_start_method(_METHOD, force=True)
    return start_call(_run, arguments, folder, environment, log)


def start_call(function: Callable[..., object], *arguments: object, daemon: bool = False) -> Any:
    """Starts a call in a process of its own, which has what `preload` named.

    Args:
        function: A function of a module.
        arguments: Its arguments.
        daemon: Whether it ends with this process, instead of being waited for.

    Returns:
        A `multiprocessing.Process`.
    """
    process = _PROCESSES.Process(target=_call, args=(function, *arguments), daemon=daemon)
    with _hidden_program():
        process.start()
    return process


def _call(function: Callable[..., object], *arguments: object) -> None:
    gc.freeze()  # libraries stay; no collection need look through them
    gc.enable()
    function(*arguments)


@contextmanager
def _hidden_program() -> Iterator[None]:
    """Hides this process's program, which a new process would import before anything else."""
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def _run(arguments: Sequence[str], folder: str, environment: Mapping[str, str], log: Path) -> None:
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C reaches the sweep alone, which then ends its trials
    with log.open("wb") as output, Path(os.devnull).open("rb") as nothing:
        for number, file in enumerate((nothing, output, output)):
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    if Path(folder).is_dir():
        os.chdir(folder)
    sys.orig_argv[:] = [sys.executable, *arguments]
    option, *rest = arguments
    sys.argv[:] = rest if option == "-m" else arguments
    if option == "-m":
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(option, run_name="__main__")
