"""Where clips come from: a module for each data source, chosen by `data.name`."""

from __future__ import annotations

from collections.abc import Callable

from gislr.data.preparation import PreparationSettings
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.store import Store
from gislr.utils.registry import Registry
from gislr.utils.settings import Settings

Progress = Callable[[str, int], Callable[[int], None]]
"""Called with a description and a total; returns what counts the clips done."""


class DataSource(Settings):
    """The `data` section of a configuration.

    Attributes:
        name: The name under which it is registered.
    """

    name: str

    def open_store(
        self,
        preprocessing: PreprocessingSettings,
        preparation: PreparationSettings,
        progress: Progress,
    ) -> Store:
        """Opens the prepared store, preparing it when it is new.

        Args:
            preprocessing: How raw clips become frames.
            preparation: Where stores are kept, and with how many processes they are prepared.
            progress: Reports how far a preparation is.

        Raises:
            GislrError: The data or a setting cannot be used.
        """
        raise NotImplementedError


SOURCES: Registry[type[DataSource]] = Registry("data", "gislr.data.sources")
