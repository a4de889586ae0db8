"""Starts a command: Hydra composes its configuration and calls its workflow."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
from functools import partial
from importlib import import_module
from itertools import dropwhile, islice
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from gislr.cli.commands import COMMANDS
from gislr.utils.log import log, log_to_terminal

if TYPE_CHECKING:
    from omegaconf import DictConfig

_HELP = {"--help", "-h"}
_RESOLVERS = (
    ("gislr.config.sweep_settings", "directions"),
    ("gislr.data.splits", "is_nested"),
    ("gislr.tracking.tracking_store", "study_storage"),
    ("gislr.utils.paths", "project_root"),
)


def run(name: str) -> None:
    """Runs a command with the arguments of this process.

    Args:
        name: A name of `gislr.cli.commands.COMMANDS`.
    """
    require_utf8()
    log_to_terminal()
    # Python's defaults look for garbage so often that imports and tracing take a fifth longer.
    gc.set_threshold(100_000, 50, 1000)
    if _HELP.intersection(sys.argv[1:]):
        from gislr.cli.help import command_help

        log.info(command_help(name, sys.argv[1:]))
        return
    import hydra

    from gislr.cli.arguments import hydra_arguments
    from gislr.cli.messages import errors_as_messages
    from gislr.config.composition import search_folder

    # With it Hydra raises its errors; `errors_as_messages` prints them.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    signal.signal(signal.SIGTERM, _terminate)
    _register_resolvers()

    def job(config: DictConfig) -> object:
        # Inside, since Hydra adds lines of its own to what leaves its job.
        with errors_as_messages(name):
            workflow = COMMANDS[name].workflow
            result = getattr(import_module(f"gislr.workflows.{workflow}"), workflow)(config)
            return getattr(result, "objective", None)

    with errors_as_messages(name):
        sys.argv[1:] = hydra_arguments(COMMANDS[name], sys.argv[1:])
        if COMMANDS[name].sweeps:
            _track_sweeps(name)
        main = hydra.main(version_base="1.3", config_path=search_folder(name), config_name=name)
        main(job)()
        _end()


def require_utf8() -> None:
    """Starts the process again with file names in UTF-8, where the locale has others.

    PyArrow reads no others: in the locale C it can open no path with an umlaut.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        environment = {**os.environ, "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def _end() -> None:
    """Ends the process at once: Python would free what TensorFlow holds, which takes seconds.

    A process that was not started for the command, such as a notebook's, goes on.
    """
    program = dropwhile(lambda part: part.startswith("-") and part != "-m", sys.orig_argv[1:])
    if not any(Path(part).name.split(".")[0] == "gislr" for part in islice(program, 2)):
        return
    # First, as Python does; else the workers of joblib are waited for until they have idled long.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    from gislr.cli.messages import Terminated

    raise Terminated


def _track_sweeps(name: str) -> None:
    """Tracks the sweep that the arguments, or `hydra.mode` of an experiment's YAML, ask for."""
    from hydra_plugins.optuna_sweeper import preload, set_callbacks

    preload("gislr.workflows.preloaded")
    set_callbacks(lambda: import_module(f"gislr.workflows.{name}").SWEEP_CALLBACK())


def _register_resolvers() -> None:
    """Lets YAML call functions, whose modules are imported by the call."""
    from omegaconf import OmegaConf

    def call(module: str, name: str, *arguments: Any) -> Any:
        return getattr(import_module(module), name)(*arguments)

    for module, name in _RESOLVERS:
        resolver = partial(call, module, name)
        OmegaConf.register_new_resolver(f"gislr.{name}", resolver, replace=True)
