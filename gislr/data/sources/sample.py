"""The embedded sample: simulated clips, written once into the cache as an asl-signs folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gislr.data.kaggle_folder import read_asl_signs
from gislr.data.listing import Listing
from gislr.data.preparation import PreparationSettings, make_once
from gislr.data.simulation import SIMULATION_VERSION, SimulationSettings, write_folder
from gislr.data.sources import SOURCES, DataSource, Progress


@SOURCES.register("sample")
class Sample(SimulationSettings, DataSource):
    """Simulated clips; scores on them say nothing about sign language."""

    def listing(self, preparation: PreparationSettings, progress: Progress) -> Listing:
        settings = SimulationSettings(**self.model_dump(exclude={"name"}))
        samples = preparation.folder("samples")
        advance = partial(progress, "Simulating clips")
        return read_asl_signs(sample_folder(settings, samples, advance))


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

    def simulate() -> None:
        write_folder(folder, settings, advance(settings.clips) if advance else None)

    make_once(folder, simulate)
    return folder
