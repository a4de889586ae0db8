"""Prepares data without training: reads, checks, preprocesses and stores it.

python -m gislr.prepare data=asl_signs data.root=DIR
"""

from __future__ import annotations

from omegaconf import DictConfig

from gislr.commands import run_command
from gislr.configuration import Configuration, read_configuration
from gislr.data.sources import load_store
from gislr.data.store import Store
from gislr.terminal import note, progress_bars


def open_data(configuration: Configuration) -> Store:
    """Opens the data's store, preparing it with a progress bar when it is new.

    Args:
        configuration: Which data, and how it is prepared.

    Raises:
        GislrError: The data cannot be used.
    """
    with progress_bars() as progress:
        return load_store(
            configuration.data, configuration.preprocessing, configuration.preparation, progress
        )


def prepare(config: DictConfig) -> Store:
    """Opens the data's store, preparing it when it is new, and says what it holds.

    Args:
        config: A composed `conf/train.yaml`.

    Raises:
        GislrError: The configuration or the data cannot be used.
    """
    configuration = read_configuration(config)
    store = open_data(configuration)
    note(f"data: {configuration.data['name']}, {store.summary()}\nstore: {store.folder}")
    return store


if __name__ == "__main__":
    run_command(prepare, "train")
