"""The embedded sample: simulated clips, written once into the cache as an asl-signs folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from filelock import FileLock

from gislr.data.preparation import PreparationSettings
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.simulation import SIMULATION_VERSION, SimulationSettings, write_folder
from gislr.data.sources import SOURCES, DataSource, Progress
from gislr.data.sources.asl_signs import AslSigns
from gislr.data.store import Store


@SOURCES.register("sample")
class Sample(SimulationSettings, DataSource):
    """Simulated clips; scores on them say nothing about sign language."""

    def open_store(
        self,
        preprocessing: PreprocessingSettings,
        preparation: PreparationSettings,
        progress: Progress,
    ) -> Store:
        folder = self.raw_clips(preparation, progress)
        clips = AslSigns(name="asl_signs", root=str(folder))
        return clips.open_store(preprocessing, preparation, progress)

    def raw_clips(self, preparation: PreparationSettings, progress: Progress) -> Path:
        """Returns the folder of the simulated clips, writing it when it is new."""
        settings = SimulationSettings(**self.model_dump(exclude={"name"}))
        return sample_folder(
            settings, preparation.folder("samples"), partial(progress, "Simulating clips")
        )


def sample_folder(
    settings: SimulationSettings,
    cache: Path,
    advance: Callable[[int], Callable[[int], None]] | None = None,
) -> Path:
    """Returns the folder of the simulated clips, writing it when it is new.

    Args:
        settings: How much is simulated.
        cache: Where samples are kept.
        advance: Called with the number of clips to write; returns what counts the done ones.
    """
    key = json.dumps([SIMULATION_VERSION, settings.model_dump()], sort_keys=True)
    folder = cache / hashlib.sha256(key.encode()).hexdigest()[:20]
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            write_folder(folder, settings, advance(settings.clips) if advance else None)
    return folder
