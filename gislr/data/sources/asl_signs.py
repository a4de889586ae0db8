"""A folder in the layout of Kaggle's "Isolated Sign Language Recognition"."""

from __future__ import annotations

from pathlib import Path

from gislr.data.preparation import PreparationSettings
from gislr.data.sources import SOURCES, DataSource, Progress
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Text


@SOURCES.register("asl_signs")
class AslSigns(DataSource):
    """Raw clips, see `gislr.data.listing`.

    Attributes:
        root: The folder; a relative one counts from the working directory.
    """

    root: Text

    def raw_clips(self, preparation: PreparationSettings, progress: Progress) -> Path:
        return resolve_here(self.root)
