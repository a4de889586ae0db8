"""Ends a command with one sentence when its input is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from gislr.utils.errors import GislrError
from gislr.utils.log import printable

USAGE_ERROR = 2
INTERRUPTED = 130


class Terminated(KeyboardInterrupt):
    """SIGTERM, treated like Ctrl-C so that runs end marked and nothing is left half written."""


@contextmanager
def errors_as_messages(name: str = "train") -> Iterator[None]:
    """Ends the process with one sentence, without a traceback; programming errors pass.

    Bad input ends in exit code 2, an interruption in exit code 130.

    Args:
        name: The command, whose keys are known.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from gislr.config.hydra_errors import explain
    from gislr.utils.system_errors import system_error_message

    try:
        yield
    except GislrError as error:
        fail(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        fail(explain(error, name))
    except KeyboardInterrupt as error:
        reason = "Terminated" if isinstance(error, Terminated) else "Interrupted"
        print(f"\n{reason}.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("gislr", "hydra_plugins"):
            raise
        reason = str(error).strip().splitlines()[-1]
        fail(
            f"A package of gislr's must be importable; {reason}. gislr doctor says how to mend it."
        )
    except Exception as error:
        if (sentence := system_error_message(error)) is None:
            raise
        fail(sentence)


def fail(message: str) -> NoReturn:
    """Prints what is wrong, one line each, and ends with exit code 2."""
    for line in message.splitlines():
        print(f"error: {printable(line)}", file=sys.stderr)
    sys.exit(USAGE_ERROR)
