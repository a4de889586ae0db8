"""A folder in the layout of Kaggle's "Isolated Sign Language Recognition"."""

from __future__ import annotations

from gislr.data.kaggle_folder import read_asl_signs
from gislr.data.listing import Listing
from gislr.data.preparation import PreparationSettings
from gislr.data.sources import SOURCES, DataSource, Progress
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Text


@SOURCES.register("asl_signs")
class AslSigns(DataSource):
    """Raw clips, see `gislr.data.kaggle_folder`.

    Attributes:
        root: The folder; a relative one counts from the working directory.
    """

    root: Text

    def listing(self, preparation: PreparationSettings, progress: Progress) -> Listing:
        return read_asl_signs(resolve_here(self.root))
