"""Writes overrides in Hydra's grammar."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gislr.utils.errors import SettingError, unknown_name

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


def to_overrides(keys: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Returns values as overrides; a dictionary is a section.

    Example:
        >>> from gislr.config.overrides import to_overrides
        >>> to_overrides({"seed": 1, "training": {"epochs": 2}, "run": ["a", "b"]})
        ['seed=1', 'training.epochs=2', 'run=["a","b"]']
    """
    found = []
    for name, value in keys.items():
        if isinstance(value, Mapping):
            found += to_overrides(value, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}={_as_override(value)}")
    return found


def _as_override(value: Any) -> str:
    if isinstance(value, str | Path):
        return in_quotes(str(value))
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_as_override, value))}]"
    return json.dumps(value)


def in_quotes(value: str) -> str:
    """Returns text in quotation marks, as an override's value that means exactly this text."""
    # In Hydra's grammar a backslash escapes only before a quotation mark.
    doubled = re.sub(r'(\\+)(?="|$)', r"\1\1", value)
    return '"{}"'.format(doubled.replace('"', '\\"'))


def list_override(argument: str) -> str:
    """Returns an override whose value is a list: `[A,B]`, or `A,B`, which is a sweep elsewhere.

    Example:
        >>> from gislr.config.overrides import list_override
        >>> list_override("signs=hello,grün"), list_override("signs=[hello]")
        ('signs=["hello","grün"]', 'signs=[hello]')
    """
    key, _, value = argument.partition("=")
    parsed = _parse(argument)  # None for an umlaut, for instance
    if parsed and isinstance(parsed.value(), list):
        return argument
    names = value.replace("${", r"\${").removeprefix("[").removesuffix("]").split(",")
    return f"{key}=[{','.join(in_quotes(name.strip()) for name in names)}]"


def _parse(argument: str) -> Override | None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException:
        return None


def hydra_override(argument: str, groups: Mapping[str, Sequence[str]]) -> str:
    """Returns an override in Hydra's grammar: a value that it refuses is put in quotation marks.

    Args:
        argument: As it was typed, such as a path with an umlaut.
        groups: The names that each group can be.

    Raises:
        SettingError: A group is given a value that is no name, such as a number, the argument is
            no override, or it holds a null character, as no file's name does.
    """
    from hydra.core.override_parser.types import Sweep

    if "\0" in argument:
        raise SettingError(f"An override must hold no null character; got {argument[:100]!r}.")
    if argument.startswith("-"):
        return argument
    key, separator, value = argument.partition("=")
    written, parsed = argument, _parse(argument)
    if not parsed and separator:
        written = f"{key}={in_quotes(value)}"
        parsed = _parse(written)
    if not parsed or not parsed.key_or_group:  # such as the second half of `seed =1`
        raise SettingError(
            f"{argument[:100]!r} is no override; write key=value, for instance seed=1."
        )
    chosen, given = parsed.key_or_group, parsed.value()
    names = given if isinstance(given, list) and given else [given]
    if separator and not all(isinstance(name, str | dict | Sweep) for name in names):
        for group, known in groups.items():
            if chosen == group.lstrip("+"):
                raise unknown_name(group, value[:100], known)
        if "/" in chosen:
            raise SettingError(f"{chosen} must be a name; got {value[:100]!r}.")
    if key.lstrip("+") == "hydra" and groups:
        raise SettingError("hydra is no setting; write its keys as hydra.KEY=VALUE.")
    return written
