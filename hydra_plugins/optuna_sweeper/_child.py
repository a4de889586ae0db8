"""Runs an application as a trial, and ends with the process that started it.

    python -m hydra_plugins.optuna_sweeper._child PARENT (-m MODULE | SCRIPT) [ARGUMENT...]

A killed sweep cannot end its trials; they would go on, unseen, beside those of its successor.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

_LOOK_EVERY = 0.5
_LET_GO_AFTER = 20.0


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LET_GO_AFTER)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Starts the watch and becomes the application."""
    parent, program, *arguments = sys.argv[1:]
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    if program == "-m":
        module, *arguments = arguments
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [program, *arguments]
        sys.path[0] = os.path.dirname(os.path.abspath(program))  # noqa: PTH100, PTH120
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
