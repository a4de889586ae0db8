"""Reads the YAML files of a command as text, for help and completion: Hydra takes longer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gislr.utils.paths import config_folders

_OVERRIDE = "override "
_NOT_KEYS = ("defaults", "hydra")


@dataclass(frozen=True)
class ConfigFile:
    """A file of a `conf` folder.

    Attributes:
        path: The file.
        group: Its group; empty at the top level.
    """

    path: Path
    group: str = ""

    @property
    def text(self) -> str:
        """What the file holds."""
        return self.path.read_text(encoding="utf-8")

    @property
    def parsed(self) -> dict[str, Any]:
        """The file as YAML."""
        return _parse(self.text)

    @property
    def head(self) -> str:
        """The comment with which the file opens."""
        comment = re.match(r"(#[^\n]*\n)*", self.text)
        return re.sub(r"^# ?", "", comment[0] if comment else "", flags=re.MULTILINE)

    @property
    def body(self) -> str:
        """The text of the keys, comments included, without the defaults list and Hydra's keys."""
        blocks = re.split(r"^(?=[\w/]+:)", self.text, flags=re.MULTILINE)[1:]
        return "".join(block for block in blocks if not block.startswith(_NOT_KEYS))

    @property
    def keys(self) -> dict[str, Any]:
        """The keys as nested dictionaries, below the group's name."""
        own = {key: value for key, value in self.parsed.items() if key not in _NOT_KEYS}
        return {self.group: own} if self.group else own

    def defaults(self) -> Iterator[tuple[str, list[str]]]:
        """Yields each entry of the defaults list: a group and the names chosen in it."""
        for entry in self.parsed.get("defaults", []):
            [(group, names)] = entry.items() if isinstance(entry, dict) else [(self.group, entry)]
            if names != "_self_":
                yield str(group), names if isinstance(names, list) else _names(names)


@cache
def _parse(text: str) -> dict[str, Any]:
    import yaml

    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}


def _names(value: str | None) -> list[str]:
    return [name for name in re.split(r"[\[\], ]+", value or "") if name]


def composed_files(name: str, arguments: Sequence[str] = ()) -> list[ConfigFile]:
    """Returns the files that a command composes; its own is the last one.

    Args:
        name: The command.
        arguments: The command line; its choices of groups are followed.
    """
    chosen = {key: _names(value) for key, _, value in (a.partition("=") for a in arguments)}
    return list(_composed(ConfigFile(config_folders()[0] / f"{name}.yaml"), chosen))


def _composed(file: ConfigFile, chosen: Mapping[str, list[str]]) -> Iterator[ConfigFile]:
    overridden = {
        group.removeprefix(_OVERRIDE): names
        for group, names in file.defaults()
        if group.startswith(_OVERRIDE)
    }
    chosen = {**overridden, **chosen}
    for group, names in file.defaults():
        for name in names if group == file.group else chosen.get(group, names):
            if chosen_file := group_file(group, name):
                yield from _composed(chosen_file, chosen)
    yield file


def group_file(group: str, name: str) -> ConfigFile | None:
    """Returns the file of a name of a group, in gislr's or in an installed package's folder."""
    paths = (folder / group / f"{name}.yaml" for folder in config_folders())
    path = next(filter(Path.is_file, paths), None)
    return ConfigFile(path, group) if path else None


def groups(name: str) -> dict[str, list[str]]:
    """Returns the names that each group of a command can be; the default comes first."""
    found = {}
    for file in composed_files(name):
        for group, names in [] if file.group else file.defaults():
            key = group.removeprefix(_OVERRIDE)
            if key and not key.startswith("hydra/"):
                found[key] = [*names, *(each for each in group_names(key) if each not in names)]
    if found.get("model"):
        found["+experiments"] = group_names("experiments")
    return found


def group_names(group: str) -> list[str]:
    """Returns the names that a group can be, sorted, those of installed packages included."""
    files = (path for folder in config_folders() for path in (folder / group).glob("*.yaml"))
    return sorted({path.stem for path in files})
