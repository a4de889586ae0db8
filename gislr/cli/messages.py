"""Ends a command with one sentence for what a person can mend."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from gislr.utils.errors import GislrError, did_you_mean
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
    except Exception as error:
        if (sentence := system_error_message(error)) is None:
            raise
        fail(sentence)


def fail(message: str) -> NoReturn:
    """Prints what is wrong, one line each, and ends with exit code 2."""
    for line in message.splitlines():
        print(f"error: {printable(line)}", file=sys.stderr)
    sys.exit(USAGE_ERROR)


def explain(error: Exception, name: str) -> str:
    """Returns an error of Hydra in one sentence, with the nearest name.

    Args:
        error: Hydra's.
        name: The command.
    """
    message = re.sub(r"^\w+ raised while resolving interpolation: ", "", str(error))
    if key := re.match(r"Could not (?:override|delete|append)[^']*'([^']+)'", message):
        return _unknown_key(key.group(1).split("@")[0], name)
    if missing := re.search(r"Could not find '([^']+)'", message):
        options = re.findall(r"^\t(\S+)$", message, flags=re.MULTILINE)
        group, _, choice = missing.group(1).rpartition("/")
        listed = f" {group} can be {', '.join(options)}." if options else ""
        hint = did_you_mean(choice, options)
        return f"{group or 'The configuration'} has no {choice!r}.{listed}{hint}"
    key = getattr(error, "full_key", None)
    if "Missing mandatory value" in message and key:
        return f"{key} has no value yet; add {key}=VALUE."
    first = message.strip().splitlines()[0]
    if key:
        return f"{key}: {first}"
    if override := re.match(r"Error parsing override '(.*)'", message):
        return f"{override.group(1)!r} is no override; write key=value, for instance seed=1."
    return first


def _unknown_key(key: str, name: str) -> str:
    known = known_keys(name)
    section, _, _ = key.rpartition(".")
    if key in known:
        section = key.partition(".")[0]
        return f"{key} is no setting of the {section} that was chosen; --cfg job shows its keys."
    near = [each for each in known if each.count(".") == key.count(".")] or known
    siblings = [each.rpartition(".")[2] for each in known if each.rpartition(".")[0] == section]
    listed = f" {section or name} has {', '.join(siblings)}." if siblings else ""
    return f"{key} is no setting.{did_you_mean(key, near) or listed}"


def known_keys(name: str) -> list[str]:
    """Returns every dotted key of a command's default configuration, sections included."""
    from dataclasses import fields

    from gislr.config.config_files import composed_files
    from gislr.utils.settings import flatten
    from hydra_plugins.optuna_sweeper import SweeperSettings

    keys = [key for f in composed_files(name) for key, _ in flatten(f.keys, sections=True)]
    return [*dict.fromkeys(keys), *(f"hydra.sweeper.{f.name}" for f in fields(SweeperSettings))]
