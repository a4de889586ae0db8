"""Where clips come from: a module for each data source, chosen by `data.name`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from gislr.data.preparation import PreparationSettings, prepare_asl_signs
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.store import Store
from gislr.utils.registry import Registry
from gislr.utils.settings import Settings

Progress = Callable[[str, int], Callable[[int], None]]
"""Called with a description and a total; returns what counts the clips done."""


class DataSource(Settings):
    """The `data` section of a configuration: raw clips in a folder, unless `open_store` differs.

    Attributes:
        name: The name under which it is registered.
    """

    name: str

    def raw_clips(self, preparation: PreparationSettings, progress: Progress) -> Path:
        """Returns a folder of raw clips in the layout that `gislr.data.listing` reads.

        Args:
            preparation: Where clips are kept that have to be made first.
            progress: Reports how far that is.
        """
        raise NotImplementedError

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
        return prepare_asl_signs(
            self.raw_clips(preparation, progress),
            settings=preprocessing,
            cache=preparation.folder("stores"),
            workers=preparation.workers,
            advance=partial(progress, "Preparing clips"),
        )


SOURCES: Registry[type[DataSource]] = Registry("data", "gislr.data.sources")
