"""Writes a prepared store: block by block, beside its place, with checksums."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.checksums import ChecksummedFile, sealed_json
from gislr.data.listing import Listing
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.store import (
    CLIPS,
    DESCRIPTION,
    FRAME_INDEX,
    FRAMES,
    STORE_VERSION,
    ClipTable,
    Float32,
)
from gislr.utils.paths import atomic_folder


@dataclass(frozen=True)
class FrameBlock:
    """The frames of some consecutive clips, as a preparation hands them over.

    Attributes:
        frames: float32 [frames, landmarks, 3]; NaN where a landmark was not found.
        frame_index: float32 [frames].
        lengths: int64 [clips]; 0 for a clip without a hand.
        raw_lengths: int64 [clips].
        left_dominant: bool [clips].
    """

    frames: Float32
    frame_index: Float32
    lengths: NDArray[np.int64]
    raw_lengths: NDArray[np.int64]
    left_dominant: NDArray[np.bool_]


def write_store(
    target: Path,
    blocks: Iterable[FrameBlock],
    listing: Listing,
    preprocessing: PreprocessingSettings,
    total_frames: int,
) -> None:
    """Writes a store from blocks of frames, which are held one at a time.

    Args:
        target: The store's folder; appears only when complete.
        blocks: The clips' frames, in the order of the listing.
        listing: The clips.
        preprocessing: How they were made from raw ones.
        total_frames: Number of frames of all blocks.
    """
    of_frames, of_index = hashlib.sha256(), hashlib.sha256()
    tables = []
    with atomic_folder(target) as folder:
        files = {name: ChecksummedFile(folder / name) for name in (FRAMES, FRAME_INDEX, CLIPS)}
        with files[FRAMES] as frames, files[FRAME_INDEX] as frame_index:
            _write_header(frames, (total_frames, len(preprocessing.landmark_set), 3))
            _write_header(frame_index, (total_frames,))
            for block in blocks:
                for file, digest, array in (
                    (frames, of_frames, block.frames),
                    (frame_index, of_index, block.frame_index),
                ):
                    data = np.ascontiguousarray(array, "<f4").ravel().view(np.uint8).data
                    digest.update(data)
                    file.write(data)
                tables.append((block.lengths, block.raw_lengths, block.left_dominant))
        lengths, raw_lengths, left_dominant = map(np.concatenate, zip(*tables, strict=True))
        table = ClipTable(
            paths=np.asarray(listing.names, np.str_),
            labels=listing.labels,
            lengths=lengths,
            raw_lengths=raw_lengths,
            left_dominant=left_dominant,
            columns={
                name: np.asarray(texts, np.str_) for name, texts in listing.every_column.items()
            },
        )
        # An archive is not written from front to back, which its checksums are.
        archive = io.BytesIO()
        np.savez(archive, **table.arrays)
        with files[CLIPS] as file:
            file.write(archive.getbuffer())
        described = [listing.signers, listing.signs, lengths.tolist(), listing.labels.tolist()]
        if any(listing.splits) or listing.columns:
            described += [listing.splits, dict(listing.columns)]
        of_frames.update(of_index.digest() + json.dumps(described).encode())
        description = {
            "version": STORE_VERSION,
            "fingerprint": of_frames.hexdigest(),
            "preprocessing": preprocessing.model_dump(),
            "signs": listing.signs,
            "checksums": {name: file.checksums() for name, file in files.items()},
        }
        (folder / DESCRIPTION).write_bytes(sealed_json(description))


def _write_header(file: ChecksummedFile, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
