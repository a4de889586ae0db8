"""Composes the configuration of a command from `conf/`."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from gislr.utils.paths import config_folder

BASE = "base"
_OWN = (BASE, "_self_")


def compose(name: str, *overrides: str) -> DictConfig:
    """Composes a configuration without starting a command.

    Args:
        name: A file of `conf/`, such as `train`.
        overrides: As on the command line.

    Raises:
        HydraException: An override cannot be used.
    """
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    folder = search_folder(name)
    with (
        hydra.initialize_config_dir(folder, version_base="1.3")
        if folder
        else hydra.initialize(None, version_base="1.3")
    ):
        return hydra.compose(name, list(overrides))


def has_groups(name: str) -> bool:
    """Tells whether a command lets the files of `conf/GROUP/` be chosen."""
    values: Any = OmegaConf.load(config_folder() / f"{name}.yaml")
    return any(entry not in _OWN for entry in values["defaults"])


def search_folder(name: str) -> str | None:
    """Returns the folder that Hydra searches for a command.

    A command without groups has none; its YAML is registered instead. In the folder `model=NAME`
    chooses a file of `conf/model/`; for a command such as `predict` it is a plain key.
    """
    if has_groups(name):
        return str(config_folder())
    from hydra.core.config_store import ConfigStore

    for file in (BASE, name):
        node = OmegaConf.load(config_folder() / f"{file}.yaml")
        ConfigStore.instance().store(name=file, node=node, provider="gislr")
    return None
