"""Turns sections of a configuration into typed, frozen settings; values live in YAML only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gislr.utils.errors import GislrError, SettingError, did_you_mean, unknown_name

Kind = TypeVar("Kind", bound="Settings")

Text = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) in (int, float) else v)]
"""Text that may look like a number on the command line, such as a signer's or a folder's name."""

Probability = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
"""A share of units or frames that are dropped: never all of them."""

Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
AboveZero = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """Base of settings: frozen, without unknown keys, and without conversions between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


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


def read_settings(kind: type[Kind], section: Mapping[str, Any], key: str = "") -> Kind:
    """Builds settings from a section.

    Args:
        kind: The settings class.
        section: Names and values.
        key: The section's name, for messages; empty for the top level.

    Raises:
        SettingError: A key is unknown or missing, or a value cannot be used.
    """
    try:
        return kind.model_validate(dict(require_section(section, key)))
    except ValidationError as error:
        names = list(kind.model_fields)
        raise _explained(error.errors()[0], key, names) from None


def _explained(problem: Any, key: str, names: list[str]) -> GislrError:
    """Returns pydantic's first error in one sentence: expected, received, what to do."""
    kind, context = str(problem["type"]), problem.get("ctx", {})
    path = ".".join(str(part) for part in (key, *problem["loc"][:1]) if part)
    if kind == "value_error":
        return SettingError(str(context["error"]))
    if kind == "extra_forbidden":
        name = str(problem["loc"][-1])
        return SettingError(
            f"{path} is no setting; {key or 'the command'} has {', '.join(names)}."
            f"{did_you_mean(name, names)}"
        )
    if kind == "missing":
        return SettingError(f"{path} is missing; write it on the command line or in YAML.")
    if kind == "literal_error":
        known = [name.strip("'") for name in context["expected"].replace(" or ", ", ").split(", ")]
        return unknown_name(path, problem["input"], known)
    wanted = _WANTED.get(kind, problem["msg"].removeprefix("Input should be "))
    return SettingError(
        f"{path} must be {wanted.format(**context)}; got {repr(problem['input'])[:100]}."
    )


_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "below {lt:g}",
    "less_than_equal": "at most {le:g}",
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
