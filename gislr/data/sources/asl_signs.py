"""A folder in the layout of Kaggle's "Isolated Sign Language Recognition"."""

from __future__ import annotations

from functools import partial

from gislr.data.preparation import PreparationSettings, prepare_asl_signs
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.sources import SOURCES, DataSource, Progress
from gislr.data.store import Store
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Text


@SOURCES.register("asl_signs")
class AslSigns(DataSource):
    """Raw clips, see `gislr.data.listing`.

    Attributes:
        root: The folder; a relative one counts from the working directory.
    """

    root: Text

    def open_store(
        self,
        preprocessing: PreprocessingSettings,
        preparation: PreparationSettings,
        progress: Progress,
    ) -> Store:
        return prepare_asl_signs(
            resolve_here(self.root),
            settings=preprocessing,
            cache=preparation.folder("stores"),
            workers=preparation.workers,
            advance=partial(progress, "Preparing clips"),
        )
