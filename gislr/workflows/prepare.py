"""Prepares data without training: reads, checks, preprocesses and stores it."""

from __future__ import annotations

from omegaconf import DictConfig

from gislr.config.configuration import open_data, read_configuration
from gislr.data.store import Store
from gislr.utils.log import log


def prepare(config: DictConfig) -> Store:
    """Opens the data's store, preparing it when it is new, and says what it holds.

    Raises:
        GislrError: The configuration or the data cannot be used.
    """
    configuration = read_configuration(config)
    store = open_data(configuration)
    log.info(f"data: {configuration.data.name}, {store.summary()}\nstore: {store.folder}")
    return store
