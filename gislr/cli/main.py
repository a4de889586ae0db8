"""The console script `gislr`, which starts the module of a command as `python -m` does."""

from __future__ import annotations

import runpy
import sys
from importlib.metadata import version

from gislr.cli.commands import COMMANDS
from gislr.utils.errors import GislrError, did_you_mean
from gislr.utils.log import log, log_to_terminal


def main() -> None:
    """Runs `gislr COMMAND [KEY=VALUE]...`."""
    from gislr.cli.messages import fail

    log_to_terminal()
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h", "help"):
        from gislr.cli.help import overview

        log.info(overview())
    elif name == "--version":
        log.info(f"gislr {version('gislr')}")
    elif name == "completion":
        from gislr.cli.completion import completion

        try:
            log.info(completion(arguments))
        except GislrError as error:
            fail(str(error))
    elif name in COMMANDS:
        module, *first = COMMANDS[name].stands_for or (name,)
        sys.argv = [sys.argv[0], *first, *arguments]
        # As __main__, so that a sweep starts its trials by `python -m gislr.train`.
        runpy.run_module(f"gislr.{module}", run_name="__main__", alter_sys=True)
    else:
        hint = did_you_mean(name, COMMANDS) or " gislr --help lists the commands."
        fail(f"gislr has no command {name!r}.{hint}")
