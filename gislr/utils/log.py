"""The package's logger, and its output on the terminal."""

from __future__ import annotations

import logging
import sys

log = logging.getLogger("gislr")
"""Information is for the person at the terminal; warnings go to standard error."""


def printable(text: str) -> str:
    """Returns text with control characters escaped, which a terminal would obey."""
    return "".join(
        each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text
    )


class _Printer(logging.Handler):
    """Prints at once: information on standard output, warnings on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        text = printable(record.getMessage())
        if record.levelno >= logging.WARNING:
            print(f"{record.levelname.lower()}: {text}", file=sys.stderr, flush=True)
        else:
            print(text, flush=True)


def log_to_terminal() -> None:
    """Prints the log, as commands do; who calls the package from Python sets up `logging`."""
    log.setLevel(logging.INFO)
    log.propagate = False
    if not any(isinstance(handler, _Printer) for handler in log.handlers):
        log.addHandler(_Printer())
