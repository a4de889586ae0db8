"""Composes the configuration of a command from `conf/`."""

from __future__ import annotations

from functools import partial
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf

from gislr.config.config_files import composed_files, group_file, groups
from gislr.config.hydra_errors import explain
from gislr.config.overrides import hydra_override
from gislr.utils.errors import SettingError
from gislr.utils.paths import config_folders


class PackagesSearchPath(SearchPathPlugin):
    """Lets Hydra find the `conf` folders of installed packages, after gislr's own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        own, *others = map(str, config_folders())
        if any(element.path.endswith(own) for element in search_path.get_path()):
            for folder in others:
                search_path.append(provider="gislr.conf", path=f"file://{folder}")


def compose(name: str, *overrides: str) -> DictConfig:
    """Composes a configuration without starting a command.

    Args:
        name: A command, whose file is `conf/NAME.yaml`.
        overrides: As on the command line.

    Raises:
        SettingError: An override cannot be used.

    Example:
        >>> from gislr.config.composition import compose
        >>> compose("train", "model.units=64").model.units
        64
    """
    import hydra
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    found = groups(name)
    given = [hydra_override(override, found) for override in overrides]
    GlobalHydra.instance().clear()
    store = ConfigStore.instance()
    before, store.repo = store.repo, dict(store.repo)
    folder = search_folder(name)
    try:
        with (
            hydra.initialize_config_dir(folder, version_base="1.3")
            if folder
            else hydra.initialize(None, version_base="1.3")
        ):
            return hydra.compose(name, given)
    except (HydraException, OmegaConfBaseException) as error:
        raise SettingError(explain(error, name)) from None
    finally:
        # Hydra would read what one command registers for the next one, too.
        store.repo = before


def plain_values(config: DictConfig) -> dict[str, Any]:
    """Returns a configuration as nested dictionaries, interpolations resolved.

    Raises:
        SettingError: A value is missing, or an interpolation cannot be resolved.
    """
    from omegaconf.errors import OmegaConfBaseException

    try:
        values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise SettingError(explain(error, "train")) from None
    return dict(values)


def search_folder(name: str) -> str | None:
    """Returns the folder that Hydra searches for a command.

    Only commands that compose a model have one. Of others the YAML is registered, merged with
    `base.yaml`, and that of their groups: in the folder `split=NAME` chooses a file of
    `conf/split/`, but for `evaluate` it is a plain key.
    """
    found = groups(name)
    if "model" in found:
        from hydra.core.plugins import Plugins

        Plugins.instance().register(PackagesSearchPath)
        return str(config_folders()[0])
    from hydra.core.config_store import ConfigStore

    files = [file.parsed for file in composed_files(name) if not file.group]
    entries = [entry for file in files for entry in file["defaults"] if isinstance(entry, dict)]
    # Hydra wants what is chosen before what is overridden.
    entries.sort(key=lambda entry: next(iter(entry)).startswith("override "))
    node = OmegaConf.merge(*files, {"defaults": [*entries, "_self_"]})
    store = partial(ConfigStore.instance().store, provider="gislr")
    store(name=name, node=node)
    for group, names in found.items():
        for file in filter(None, (group_file(group, each) for each in names)):
            store(name=file.path.stem, group=group, node=OmegaConf.create(file.parsed))
    return None
