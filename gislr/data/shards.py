"""Shards: files of some prepared clips, from which a preparation that was killed resumes."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gislr.data.checksums import open_sealed, sealed
from gislr.data.listing import Listing, Problems
from gislr.data.preprocessing import (
    PreparedClip,
    PreprocessingSettings,
    preprocess_read,
)
from gislr.data.raw_clips import ClipProblem
from gislr.data.store_writer import FrameBlock
from gislr.utils.errors import DataError
from gislr.utils.paths import errors_name_path


def prepare_shard(listing: Listing, settings: PreprocessingSettings, shard: Path) -> Problems:
    """Preprocesses some clips and writes them as one file; nothing is written if one is unusable.

    Returns:
        The clips that cannot be used.
    """
    problems: Problems = {}
    clips: list[PreparedClip | None] = []
    raw_lengths = []
    for clip, path in enumerate(listing.paths):
        try:
            read = listing.read(clip, settings.landmark_set.read)
        except ClipProblem as problem:
            problems.setdefault((problem.kind, problem.remedy), []).append(path)
        else:
            clips.append(preprocess_read(read, settings))
            raw_lengths.append(len(read))
    if problems:
        return problems
    block = _frame_block(clips, raw_lengths, settings)
    archive = io.BytesIO()
    np.savez(archive, **vars(block))
    # A worker of a preparation that was killed may be at the same shard for a moment more.
    beside = shard.with_suffix(f".{os.getpid()}.tmp")
    try:
        with errors_name_path(beside):
            beside.write_bytes(sealed(archive.getvalue()))
            beside.replace(shard)
    finally:
        beside.unlink(missing_ok=True)
    return {}


def _frame_block(
    clips: Sequence[PreparedClip | None],
    raw_lengths: Sequence[int],
    settings: PreprocessingSettings,
) -> FrameBlock:
    """Returns what a store is written from; `None` stands for a clip without a hand."""
    kept = [clip for clip in clips if clip is not None]
    no_frames = np.zeros((0, len(settings.landmark_set), 3), np.float32)
    return FrameBlock(
        frames=np.concatenate([no_frames, *(clip.frames for clip in kept)]),
        frame_index=np.concatenate([no_frames[:, 0, 0], *(clip.frame_index for clip in kept)]),
        lengths=np.array([0 if clip is None else len(clip.frames) for clip in clips], np.int64),
        raw_lengths=np.array(raw_lengths, np.int64),
        left_dominant=np.array([clip is not None and clip.left_dominant for clip in clips]),
    )


def frames_in(shard: Path) -> int:
    """Returns the number of frames of a whole shard; reads nothing else of it.

    Raises:
        DataError: The file has changed since.
    """
    try:
        with np.load(shard, allow_pickle=False) as arrays:
            return int(arrays["lengths"].sum())
    except (ValueError, EOFError, zipfile.BadZipFile):
        raise _changed(shard) from None


def load_shard(shard: Path) -> FrameBlock:
    """Reads what `prepare_shard` wrote.

    Raises:
        DataError: The file has changed since.
    """
    try:
        data = open_sealed(shard.read_bytes())
    except ValueError:
        raise _changed(shard) from None
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return FrameBlock(**arrays)


def _changed(shard: Path) -> DataError:
    return DataError(
        f"{shard} must hold what was written into it a moment ago; it does not. The disk may "
        "be broken; set preparation.cache to a folder on another one."
    )


def is_whole(shard: Path) -> bool:
    """Returns whether a shard is there as it was written."""
    try:
        open_sealed(shard.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return True
