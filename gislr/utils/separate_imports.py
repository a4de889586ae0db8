"""Imports modules in a process of their own: one that is broken can end its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_SCRIPT = """
import gc, importlib, json, os, sys
gc.disable()  # looking for garbage while importing takes a quarter of the time
results = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
for name in sys.argv[1:]:
    module, _, function = name.partition(":")
    try:
        found = importlib.import_module(module)
        result = [getattr(found, function)() if function else None, None]
    except BaseException as error:
        while cause := error.__cause__ or error.__context__:
            error = cause
        result = [None, (str(error).strip() or type(error).__name__).splitlines()[0]]
    results.write(json.dumps(result) + "\\n")
"""


@dataclass(frozen=True)
class ImportOutcome:
    """What came of an import.

    Attributes:
        result: Of the function, if one was named.
        error: Why it failed, in one line; `None` if it did not.
    """

    result: object
    error: str | None


def import_separately(names: Sequence[str]) -> dict[str, ImportOutcome]:
    """Imports modules in another process, one after another.

    Args:
        names: Modules, or `MODULE:FUNCTION` for a function to call without arguments, whose result
            JSON can hold.

    Example:
        >>> from gislr.utils.separate_imports import import_separately
        >>> found = import_separately(["json", "platform:system", "no_such_module"])
        >>> found["json"].error, found["no_such_module"].error
        (None, "No module named 'no_such_module'")
    """
    outcomes: dict[str, ImportOutcome] = {}
    while waiting := [name for name in names if name not in outcomes]:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, *waiting],
            capture_output=True,
            text=True,
            check=False,
            # JAX would take most of a GPU's memory from whoever uses it.
            env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
        )
        results = [json.loads(line) for line in done.stdout.splitlines()]
        outcomes |= {
            name: ImportOutcome(*result) for name, result in zip(waiting, results, strict=False)
        }
        if len(results) < len(waiting):
            error = f"it ends the process (exit code {done.returncode})"
            outcomes[waiting[len(results)]] = ImportOutcome(None, error)
    return outcomes
