"""Prepares raw clips once: reads, preprocesses and stores it, with all cores.

The work is cut into shards of consecutive clips. Each is written beside its place and renamed, so
that a preparation that was killed resumes there and ends with the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from joblib import Parallel, delayed

from gislr.data.listing import Listing, Problems, files_in, raise_problems
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.shards import frames_in, is_whole, load_shard, prepare_shard
from gislr.data.store import STORE_VERSION, Store, open_store
from gislr.data.store_writer import write_store
from gislr.utils.paths import resolve
from gislr.utils.settings import Positive, Settings, Text

CLIPS_PER_SHARD = 128
_IDLE_SECONDS = 5  # after which a process ends whose parent was killed

Advance = Callable[[int], None]
"""Called with the number of clips that were just done."""


class PreparationSettings(Settings):
    """How data is prepared; changes no number.

    Attributes:
        cache: Folder of what was prepared; a relative one counts from the project's root.
        workers: Number of processes; all cores when `None`.
    """

    cache: Text
    workers: Positive | None

    def folder(self, name: str) -> Path:
        """Returns a folder of the cache."""
        return resolve(self.cache) / name


def cpu_count() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def source_key(listing: Listing, settings: PreprocessingSettings) -> str:
    """Returns the cache key of clips: their listing, their files' sizes and times, the settings."""
    described = listing.described()
    key = [STORE_VERSION, *settings.model_dump(exclude={"axes"}).values(), described]
    digest = hashlib.sha256(json.dumps(key).encode())
    members = set(listing.paths)
    folders = {path.rpartition("/")[0] for path in members}
    for folder in sorted(folders):
        for name, file in sorted(files_in(listing.root / folder).items()):
            path = f"{folder}/{name}" if folder else name
            if path in members:
                stat = file.stat()
                digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:20]


def prepare_clips(
    listing: Listing,
    *,
    settings: PreprocessingSettings,
    cache: Path,
    workers: int | None = None,
    advance: Callable[[int], Advance] | None = None,
) -> Store:
    """Opens the store of some clips, preparing it when it is new.

    Args:
        listing: The clips.
        settings: How raw clips become frames.
        cache: Where stores are kept.
        workers: Number of processes; all cores when `None`.
        advance: Called with the number of clips to prepare; returns what counts the done ones.

    Raises:
        DataError: Files cannot be used; one sentence for each kind of problem.
    """
    target = cache / source_key(listing, settings)
    partial = target.with_name(f"{target.name}.partial")

    def make() -> None:
        done = advance(len(listing.paths)) if advance else lambda clips: None
        shards = _prepare_shards(listing, settings, partial, workers or cpu_count(), done)
        total = sum(map(frames_in, shards))
        write_store(target, map(load_shard, shards), listing, settings, total)
        shutil.rmtree(partial, ignore_errors=True)

    make_once(target, make)
    return open_store(target, settings.axes, listing)


def make_once(target: Path, make: Callable[[], None]) -> None:
    """Makes a folder of the cache unless it is there; one process at a time."""
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if not target.is_dir():
            make()


def _prepare_shards(
    listing: Listing, settings: PreprocessingSettings, folder: Path, workers: int, done: Advance
) -> list[Path]:
    folder.mkdir(exist_ok=True)
    starts = range(0, len(listing.paths), CLIPS_PER_SHARD)
    shards = [folder / f"{start:09d}.npz" for start in starts]
    todo = {}
    for start, shard in zip(starts, shards, strict=True):
        part = listing.part(start, start + CLIPS_PER_SHARD)
        if is_whole(shard):
            done(len(part.paths))
        else:
            todo[shard] = part
    # joblib's processes do not run the caller's script again, which would wait here for itself.
    parallel = Parallel(
        min(workers, len(todo)) or 1,
        batch_size=1,
        return_as="generator",
        backend="loky",
        idle_worker_timeout=_IDLE_SECONDS,
    )
    problems: Problems = defaultdict(list)
    jobs = (delayed(prepare_shard)(part, settings, shard) for shard, part in todo.items())
    for part, found in zip(todo.values(), parallel(jobs), strict=True):
        done(len(part.paths))
        for kind, paths in found.items():
            problems[kind] += paths
    if problems:
        # Once the files are corrected, the key is another: nothing would read these shards again.
        shutil.rmtree(folder, ignore_errors=True)
        raise_problems({key: sorted(paths) for key, paths in sorted(problems.items())})
    return shards
