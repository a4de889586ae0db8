"""One process per trial: its command and its outcome."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import open_dict, read_write

from hydra_plugins.optuna_sweeper._forking import start_process
from hydra_plugins.optuna_sweeper._owner import owner_tag
from hydra_plugins.optuna_sweeper._trial import CALLBACK, RESULT, SWEEP, TRIAL

if TYPE_CHECKING:
    import optuna
    from omegaconf import DictConfig

    from hydra_plugins.optuna_sweeper._sweep import Sweep

COMPLETE, PRUNED, FAILED, KILLED = "complete", "pruned", "failed", "killed"
POLL_SECONDS = 0.02

_KILL_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_UNKNOWN = 255  # the exit code of `multiprocessing` when the fork server has died
_LOG_LINES = 100
_TERMINATE_SECONDS = 20.0
_CONFIG_FLAGS = ("config_name", "config_path", "config_dir")
_SWEEP_KEYS = ("sweeper", "launcher", "mode", "sweep.", "run.dir")
_MACHINE_KEYS = ("launcher", "sweep.", "sweeper.n_jobs", "sweeper.storage", "sweeper.retries")
_GRID = (
    *("hydra.sweeper.sampler=grid", "hydra.sweeper.n_trials=null", "hydra.sweeper.pruner=none"),
    *("hydra.sweeper.sampler_options=null", "hydra.sweeper.pruner_options=null"),
    *("hydra.sweeper.hours=null", "hydra.sweeper.warm_start=null", "hydra.sweeper.study_name=null"),
    *("hydra.sweeper.params=null", "hydra.sweeper.when=null"),
)


@dataclass(frozen=True)
class TrialCommand:
    """The command of a trial's process.

    Attributes:
        arguments: Python's arguments: `("-m", "package.module", ...)` or `("script.py", ...)`.
        environment: Variables beside those of the sweep.
        folder: Its working directory.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str


@dataclass(frozen=True)
class Outcome:
    """How a trial's process ended.

    Attributes:
        state: `complete`, `pruned`, `failed` by its own fault, or `killed` from outside.
        seconds: Its wall time.
        values: What the application returned when it is complete.
        reason: Why it is not complete.
        log: The last lines of its output.
    """

    state: str
    seconds: float
    values: tuple[float, ...] = ()
    reason: str = ""
    log: tuple[str, ...] = ()


def trial_command(sweep: Sweep, trial: optuna.Trial, overrides: Sequence[str]) -> TrialCommand:
    """Returns a trial's command: the sweep's own, with the trial's overrides."""
    settings = sweep.settings
    address = {
        "storage": sweep.storage,
        "study": sweep.name,
        "id": trial._trial_id,
        "pruner": settings.pruner,
        "pruner_options": settings.pruner_options,
    }
    hydra_overrides = _hydra_overrides(sweep.config, trial.number)
    return TrialCommand(
        (*_program(), *_config_flags(), *overrides, *hydra_overrides),
        {TRIAL: json.dumps(address)},
        str(Path.cwd()),
    )


class TrialProcess:
    """A trial's running process."""

    def __init__(self, command: TrialCommand) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="trial-")
        self._result = Path(self._folder.name) / "result.json"
        self._log = Path(self._folder.name) / "log.txt"
        self._log.touch()
        self._start = time.monotonic()
        environment = {
            **os.environ,
            "HYDRA_FULL_ERROR": "1",  # the last line is the reason
            **command.environment,
            RESULT: str(self._result),
            SWEEP: owner_tag(),
        }
        self._process = start_process(command.arguments, command.folder, environment, self._log)

    def poll(self) -> Outcome | None:
        """Returns how it ended, or `None` while it runs."""
        code = self._process.exitcode
        if code is None:
            return None
        seconds = time.monotonic() - self._start
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        log = tuple(lines[-_LOG_LINES:])
        try:
            result = json.loads(self._result.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            orphaned = code == _UNKNOWN and self._end_orphan()
            result = _result(-signal.SIGKILL if orphaned else code, log)
        self._folder.cleanup()
        values = tuple(result.get("values", ()))
        return Outcome(result["state"], seconds, values, result.get("reason", ""), log)

    def wait(self) -> Outcome:
        """Waits until it has ended, and returns how."""
        while (outcome := self.poll()) is None:
            time.sleep(POLL_SECONDS)
        return outcome

    @property
    def failed(self) -> bool:
        """Whether it has ended with an exit code of failure."""
        return bool(self._process.exitcode)

    def _end_orphan(self) -> bool:
        """Kills a trial that runs on, though what it was forked from is gone."""
        try:
            os.kill(self._process.pid, signal.SIGKILL)
        except OSError:
            return False
        return True

    def terminate(self) -> None:
        """Asks it to end."""
        self._process.terminate()

    def wait_or_kill(self) -> None:
        """Waits until it has ended; kills it when that takes too long."""
        self._process.join(_TERMINATE_SECONDS)
        self._process.kill()
        self._process.join()
        self._folder.cleanup()


def run_trial(command: TrialCommand) -> Outcome:
    """Runs a trial to its end; launchers call it on other machines."""
    return TrialProcess(command).wait()


def run_forked(*arguments: str) -> str:
    """Runs a program in a process like that of a trial.

    Args:
        arguments: See `TrialCommand`.

    Returns:
        Why it failed; nothing if it did not.
    """
    process = TrialProcess(TrialCommand(arguments, {}, str(Path.cwd())))
    reason = process.wait().reason
    return reason if process.failed else ""


def same_command(*overrides: str) -> list[str]:
    """Returns the command that started this process, with more overrides."""
    return [sys.executable, *_program(), *sys.argv[1:], *overrides]


def grid_command(sweep: Sweep, *overrides: str) -> list[str]:
    """Returns the command of a grid that runs where a sweep does: its launcher, its storage.

    Args:
        sweep: The sweep, of whose search nothing is kept.
        overrides: All of the grid's own, with the keys that it sweeps.
    """
    given = sweep.config.hydra.overrides.hydra
    kept = [override for override in given if _hydra_key(override).startswith(_MACHINE_KEYS)]
    flags = _config_flags()
    return [sys.executable, *_program(), *flags, "-m", *_GRID, *kept, *overrides]


def _result(code: int, log: tuple[str, ...]) -> dict[str, str]:
    """Returns the result of a process that wrote none, from its exit code and its output."""
    number = -code if code < 0 else code - 128
    if number in _KILL_SIGNALS:
        name = signal.Signals(number).name
        hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return {"state": KILLED, "reason": f"killed by {name}{hint}"}
    lines = [line.strip() for line in log if line.strip()]
    reason = lines[-1].removeprefix("error: ") if lines else f"exit code {code} without output"
    return {"state": FAILED, "reason": reason}


def _program() -> tuple[str, ...]:
    """Returns how this process was started: `("-m", "package.module")` or `("script.py",)`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:
        return ("-m", spec.name.removesuffix(".__main__"))
    return (str(Path(sys.argv[0]).absolute()),)


def _config_flags() -> list[str]:
    """Returns Hydra's flags of this process that choose the configuration."""
    from hydra._internal.utils import get_args_parser

    given = vars(get_args_parser().parse_known_args(sys.argv[1:])[0])
    flags = [(f"--{name.replace('_', '-')}", given[name]) for name in _CONFIG_FLAGS if given[name]]
    return [part for flag in flags for part in flag]


def _hydra_key(override: str) -> str:
    return override.lstrip("+~").removeprefix("hydra").lstrip("./")


def _hydra_overrides(config: DictConfig, number: int) -> list[str]:
    given = [
        override
        for override in config.hydra.overrides.hydra
        if not _hydra_key(override).startswith(_SWEEP_KEYS)
    ]
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.job.num = number
        config.hydra.job.id = f"{config.hydra.job.name}_{number}"
    folder = os.path.normpath(f"{config.hydra.sweep.dir}/{config.hydra.sweep.subdir}")
    quoted = folder.replace("\\", "\\\\").replace("'", "\\'")
    return [*given, "hydra.mode=RUN", f"hydra.run.dir='{quoted}'", CALLBACK]
