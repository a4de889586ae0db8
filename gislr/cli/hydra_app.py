"""What every command does around its work: read the configuration, and fail in one line."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

from omegaconf import DictConfig, OmegaConf

from gislr.cli.arguments import hydra_arguments, is_sweep
from gislr.cli.commands import COMMANDS
from gislr.config.composition import compose, search_folder
from gislr.utils.errors import GislrError, SettingError, did_you_mean
from gislr.utils.log import log_to_terminal, printable
from gislr.utils.paths import project_root
from gislr.utils.settings import flatten
from gislr.utils.system_errors import system_error_message

USAGE_ERROR = 2
INTERRUPTED = 130


class Terminated(KeyboardInterrupt):
    """SIGTERM, treated like Ctrl-C so that runs end marked and nothing is left half written."""


def run(name: str) -> None:
    """Runs a command with the arguments of this process.

    Bad input ends in one line on standard error and exit code 2, without a traceback; an
    interruption in exit code 130.

    Args:
        name: A name of `gislr.cli.commands.COMMANDS`.
    """
    in_utf8()
    log_to_terminal()
    import hydra

    # Hydra would print errors in its own words and exit; `errors_as_messages` prints them.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    signal.signal(signal.SIGTERM, _terminate)
    _register_resolvers()

    def job(config: DictConfig) -> object:
        # Inside, since Hydra adds lines of its own to what leaves its job.
        with errors_as_messages(name):
            result = getattr(import_module(f"gislr.workflows.{name}"), name)(config)
            return getattr(result, "objective", None)

    with errors_as_messages(name):
        sys.argv[1:] = hydra_arguments(COMMANDS[name], sys.argv[1:])
        if is_sweep(sys.argv[1:]):
            _track_sweep(name)
        main = hydra.main(version_base="1.3", config_path=search_folder(name), config_name=name)
        main(job)()


def _track_sweep(name: str) -> None:
    from hydra_plugins.optuna_sweeper import add_callback

    callback = getattr(import_module(f"gislr.workflows.{name}"), "SWEEP_CALLBACK", None)
    if callback is None:
        raise SettingError(f"{name} runs once; only train and cross_validate can sweep.")
    add_callback(callback())


def _register_resolvers() -> None:
    """Lets YAML ask for values that only code knows."""

    def directions(objective: Any) -> Any:
        from gislr.config.sweep_settings import direction

        return direction(objective) if isinstance(objective, str) else [*map(direction, objective)]

    def study_storage(uri: str | None) -> str:
        from gislr.tracking import store

        return store.study_storage(uri)

    resolvers: dict[str, Callable[..., Any]] = {
        "directions": directions,
        "study_storage": study_storage,
        "sweep_folder": lambda: str(project_root() / "mlruns"),
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(f"gislr.{name}", resolver, replace=True)


def in_utf8() -> None:
    """Starts the command again with names of files in UTF-8, where the locale has others.

    PyArrow takes no others: in the locale C it could open no path with an umlaut.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        environment = {**os.environ, "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


@contextmanager
def errors_as_messages(config_name: str = "train") -> Iterator[None]:
    """Ends the process with one line for what a person can mend, without a traceback.

    Args:
        config_name: The configuration whose keys are known.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except GislrError as error:
        fail(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        fail(explain(error, config_name))
    except KeyboardInterrupt as error:
        reason = "Terminated" if isinstance(error, Terminated) else "Interrupted"
        print(f"\n{reason}.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if (sentence := system_error_message(error)) is None:
            raise
        fail(sentence)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def fail(message: str) -> NoReturn:
    """Prints what went wrong, one line each, and ends with exit code 2."""
    for line in message.splitlines():
        print(f"error: {printable(line)}", file=sys.stderr)
    sys.exit(USAGE_ERROR)


def _unknown_setting(name: str, known: list[str]) -> str:
    if name in known:
        section = name.partition(".")[0]
        return f"{name} is no setting of the {section} that was chosen; --cfg job shows its keys."
    near = [k for k in known if k.count(".") == name.count(".")] or known
    return f"{name} is no setting.{did_you_mean(name, near) or _siblings(name, known)}"


def explain(error: Exception, config_name: str) -> str:
    """Returns what Hydra found wrong in one line, with the name that was probably meant."""
    message = re.sub(r"^\w+ raised while resolving interpolation: ", "", str(error))
    if key := re.match(r"Could not (?:override|delete|append)[^']*'([^']+)'", message):
        name = key.group(1).split("@")[0]
        return _unknown_setting(name, known_keys(config_name))
    if group := re.search(r"Could not find '([^']+)'", message):
        options = re.findall(r"^\t(\S+)$", message, flags=re.MULTILINE)
        folder, _, name = group.group(1).rpartition("/")
        listed = f" {folder} can be {', '.join(options)}." if options else ""
        return f"{folder or 'The configuration'} has no {name!r}.{listed}" + did_you_mean(
            name, options
        )
    full_key = getattr(error, "full_key", None)
    if "Missing mandatory value" in message and full_key:
        return f"{full_key} has no value yet; add {full_key}=VALUE."
    if full_key:
        return f"{full_key}: {message.splitlines()[0]}"
    if override := re.match(r"Error parsing override '(.*)'", message):
        return f"{override.group(1)!r} is no override; write key=value, for instance seed=1."
    return message.strip().splitlines()[0]


def _siblings(name: str, known: list[str]) -> str:
    section = name.rpartition(".")[0]
    members = [key.rpartition(".")[2] for key in known if key.rpartition(".")[0] == section]
    return f" {section or 'The top level'} has {', '.join(members)}." if members else ""


def known_keys(name: str) -> list[str]:
    """Returns every dotted key of a command's default configuration, sections included."""
    from hydra_plugins.optuna_sweeper import SweeperSettings

    values: Any = OmegaConf.to_container(compose(name))
    sweeper = [f"hydra.sweeper.{field.name}" for field in dataclasses.fields(SweeperSettings)]
    return [*(key for key, _ in flatten(values, sections=True)), *sweeper]
