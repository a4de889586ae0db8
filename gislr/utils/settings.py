"""Turns sections of a configuration into typed, frozen dataclasses; values live in YAML only."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from gislr.utils.errors import SettingError, did_you_mean

Settings = TypeVar("Settings")


def require_section(value: Any, key: str) -> Any:
    """Returns a section of a configuration.

    Raises:
        SettingError: It is a single value.
    """
    if not isinstance(value, Mapping):
        raise SettingError(
            f"{key} must be a section, whose keys are written as {key}.KEY=VALUE; got "
            f"{repr(value)[:100]}."
        )
    return value


def read_settings(kind: type[Settings], section: Mapping[str, Any], key: str) -> Settings:
    """Builds a dataclass from a section.

    Args:
        kind: A dataclass without default values.
        section: Names and values.
        key: The section's name, for messages.

    Raises:
        SettingError: A key is unknown or missing, or a value has another type.
    """
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for name in require_section(section, key):
        if name not in names:
            raise SettingError(
                f"{key}.{name} is no setting; {key} has {', '.join(names)}."
                f"{did_you_mean(str(name), names)}"
            )
    values = {}
    for name in names:
        if name not in section:
            raise SettingError(f"{key}.{name} is missing; write it on the command line or in YAML.")
        values[name] = _convert(hints[name], section[name], f"{key}.{name}")
    return kind(**values)


def _convert(hint: Any, value: Any, key: str) -> Any:
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in allowed:
        if kind is type(None) and value is None:
            return None
        if kind is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:
            return float(value)
        if kind is str and type(value) in (int, float):
            return str(value)
        if type(value) is kind:
            return value
    wanted = " or ".join(_NAMES.get(kind, str(kind)) for kind in allowed)
    raise SettingError(f"{key} must be {wanted}; got {repr(value)[:100]}.")


_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    list: "a list",
    type(None): "null",
}


def flatten(
    node: Mapping[str, Any], prefix: str = "", *, sections: bool = False
) -> Iterator[tuple[str, Any]]:
    """Yields (dotted key, value) of nested dictionaries, depth first.

    Args:
        node: Nested dictionaries.
        prefix: Key of `node`.
        sections: Whether keys that hold dictionaries are yielded, too.
    """
    for name, value in node.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, dict):
            if sections:
                yield key, value
            yield from flatten(value, key, sections=sections)
        else:
            yield key, value
