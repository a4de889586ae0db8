"""Where clips come from: a module for each data source, chosen by `data.name`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gislr.data.listing import Listing
from gislr.data.preparation import PreparationSettings, prepare_clips
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.store import Store
from gislr.utils.registry import Registry
from gislr.utils.settings import Settings

Progress = Callable[[str, int], Callable[[int], None]]
"""Called with a description and a total; returns what counts the clips done."""


class DataSource(Settings):
    """The `data` section of a configuration: a listing of clips, unless `open_store` differs.

    Attributes:
        name: The name under which it is registered.
    """

    name: str

    def listing(self, preparation: PreparationSettings, progress: Progress) -> Listing:
        """Lists the clips and checks what can be checked without opening them.

        Args:
            preparation: Where clips are kept that have to be made first.
            progress: Reports how far that is.

        Raises:
            GislrError: The data or a setting cannot be used.
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
        return prepare_clips(
            self.listing(preparation, progress),
            settings=preprocessing,
            cache=preparation.folder("stores"),
            workers=preparation.workers,
            advance=partial(progress, "Preparing clips"),
        )


SOURCES: Registry[type[DataSource]] = Registry("data", "gislr.data.sources")
