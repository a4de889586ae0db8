"""Registries: names of a configuration to the code that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar

from gislr.utils.errors import unknown_name
from gislr.utils.settings import read_settings, require_section

Entry = TypeVar("Entry")
Kind = TypeVar("Kind")


class Registry(Generic[Entry]):
    """Entries by name, found in a package and in the entry points of others.

    An entry registers itself when its module is imported, which happens when its name is asked
    for: a module of the registry's package or an entry point `gislr.KEY` of an installed package by
    that name first, then all of them. To add one, write one file.

    Args:
        key: Section of the configuration whose `name` chooses an entry, such as `model`.
        package: Package whose modules hold the entries, or the one module that does.
        setting: Key that holds the name, for messages; `KEY.name` when `None`.

    Example:
        >>> from gislr.utils.registry import Registry
        >>> GREETINGS = Registry("greeting", "gislr.utils")
        >>> @GREETINGS.register("hello")
        ... def hello() -> str:
        ...     return "Hello!"
        >>> GREETINGS["hello"]()
        'Hello!'
    """

    def __init__(self, key: str, package: str, setting: str | None = None) -> None:
        self.key, self.package, self.setting = key, package, setting or f"{key}.name"
        self._entries: dict[str, Entry] = {}

    def register(self, name: str) -> Callable[[Kind], Kind]:
        """Returns a decorator that registers a class or function under a name."""

        def add(entry: Kind) -> Kind:
            self._entries[name] = entry  # type: ignore[assignment]
            return entry

        return add

    def __getitem__(self, name: str) -> Entry:
        """Returns an entry.

        Raises:
            SettingError: There is none of this name; the message lists those there are.
        """
        if name not in self._entries:
            if name in self._modules():
                import_module(f"{self.package}.{name}")
            for point in entry_points(group=f"gislr.{self.key}", name=name):
                point.load()
            if name not in self._entries and name not in self.names():
                raise unknown_name(self.setting, name, self.names())
        return self._entries[name]

    def names(self) -> list[str]:
        """Returns every name, sorted."""
        for module in self._modules():
            import_module(f"{self.package}.{module}")
        for point in entry_points(group=f"gislr.{self.key}"):
            point.load()
        return sorted(self._entries)

    def read(self, section: object) -> Any:
        """Returns the settings that a section of a configuration names, checked.

        Entries must be settings classes.

        Raises:
            SettingError: The name or a key is unknown, or a value cannot be used.
        """
        checked = require_section(section, self.key)
        kind: Any = self[str(checked.get("name"))]
        return read_settings(kind, checked, self.key)

    def _modules(self) -> list[str]:
        path = getattr(import_module(self.package), "__path__", [])
        return [module.name for module in iter_modules(path) if not module.name.startswith("_")]
