"""The embedded sample: simulated clips, written once into the cache as an asl-signs folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from gislr.data.simulation import SIMULATION_VERSION, SimulationSettings, write_folder


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
    key = json.dumps([SIMULATION_VERSION, asdict(settings)], sort_keys=True)
    folder = cache / hashlib.sha256(key.encode()).hexdigest()[:20]
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            count = advance(settings.clips) if advance else lambda clips: None
            done = 0

            def progress(written: int, total: int) -> None:
                nonlocal done
                count(written - done)
                done = written

            write_folder(folder, settings, progress)
    return folder
