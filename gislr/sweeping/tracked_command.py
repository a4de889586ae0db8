"""Runs a command of gislr that records its result in a run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from gislr.utils.errors import GislrError
from gislr.utils.log import log

_TRACKED = re.compile(r"tracked as run (\w+)")


def run_tracked(command: Sequence[str], *, quiet: bool = False) -> str:
    """Runs a sweep or a cross-validation and returns the id of its run.

    Args:
        command: The command.
        quiet: Whether its output is not logged.

    Raises:
        GislrError: It failed.
    """
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    ) as process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip("\n"))
                if not quiet:
                    log.info(lines[-1])
        except BaseException:
            process.terminate()  # else it would be waited for
            raise
    tracked = _TRACKED.search("\n".join(lines))
    if process.returncode or tracked is None:
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise GislrError("\n".join(errors) or "\n".join(lines[-1:]))
    return tracked[1]
