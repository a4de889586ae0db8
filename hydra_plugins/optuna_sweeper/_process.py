"""One process a trial: what is started, and what became of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra_plugins.optuna_sweeper._trial import RESULT

COMPLETE, PRUNED, FAILED, KILLED = "complete", "pruned", "failed", "killed"

_KILLING = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_LAST_LINES = 100
_END_WITHIN = 20.0
_LOOK_EVERY = 0.02


@dataclass(frozen=True)
class TrialCommand:
    """What a trial's process is started with.

    Attributes:
        program: `("-m", "package.module")` or `("script.py",)`.
        arguments: Its arguments.
        environment: Variables beside those of the sweep.
        folder: Its working directory.
    """

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str


@dataclass(frozen=True)
class Outcome:
    """What became of a trial's process.

    Attributes:
        state: `complete`, `pruned`, `failed` by its own fault, or `killed` from outside.
        seconds: How long it ran.
        values: What the application returned when it is complete.
        reason: Why it is not complete.
        log: The last lines that it wrote.
    """

    state: str
    seconds: float
    values: tuple[float, ...] = ()
    reason: str = ""
    log: tuple[str, ...] = field(default=())


class TrialProcess:
    """A trial's running process.

    Args:
        command: What to start.
    """

    def __init__(self, command: TrialCommand) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="trial-")
        self._result = Path(self._folder.name) / "result.json"
        self._log = Path(self._folder.name) / "log.txt"
        self._began = time.monotonic()
        child = [sys.executable, "-m", "hydra_plugins.optuna_sweeper._child", str(os.getpid())]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*child, *command.program, *command.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "HYDRA_FULL_ERROR": "1",  # so that the last line says what went wrong
                    **command.environment,
                    RESULT: str(self._result),
                },
                cwd=command.folder if Path(command.folder).is_dir() else None,
                # Ctrl-C goes to the sweep alone, which then ends its trials.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def poll(self) -> Outcome | None:
        """Returns what became of it, or `None` while it runs."""
        code = self._process.poll()
        return None if code is None else self._outcome(code)

    def wait(self) -> Outcome:
        """Returns what became of it."""
        while (outcome := self.poll()) is None:
            time.sleep(_LOOK_EVERY)
        return outcome

    def end(self) -> None:
        """Asks it to end."""
        if self._process.poll() is None:
            self._process.terminate()

    def ended(self) -> None:
        """Waits until it has ended, killing it when it takes too long."""
        try:
            self._process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def _outcome(self, code: int) -> Outcome:
        seconds = time.monotonic() - self._began
        log = tuple(self._log.read_text(encoding="utf-8", errors="replace").splitlines())
        log = log[-_LAST_LINES:]
        try:
            result = json.loads(self._result.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            result = None
        self._folder.cleanup()
        if result is not None:
            values = tuple(result.get("values", ()))
            return Outcome(result["state"], seconds, values, result.get("reason", ""), log)
        number = -code if code < 0 else code - 128
        if number in _KILLING:
            name = signal.Signals(number).name
            hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
            return Outcome(KILLED, seconds, reason=f"killed by {name}{hint}", log=log)
        said = [line.strip() for line in log if line.strip()]
        reason = said[-1].removeprefix("error: ") if said else f"exit code {code} without a word"
        return Outcome(FAILED, seconds, reason=reason, log=log)


def run_trial(command: TrialCommand) -> Outcome:
    """Runs a trial to its end; what launchers call on other machines."""
    return TrialProcess(command).wait()


def threads_each(jobs: int) -> dict[str, str]:
    """Returns variables that divide this machine's cores between several processes."""
    if jobs == 1:
        return {}
    count = str(max(1, (os.cpu_count() or 1) // jobs))
    return {name: count for name in _THREADS if name not in os.environ}


_THREADS: Sequence[str] = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
