"""The prepared store: only real frames, one clip after another, memory-mapped.

A store is a folder of `frames.npy` (float32 [frames, landmarks, 3], NaN where a landmark was not
found), `frame_index.npy` (float32 [frames]), `clips.npz` (a row for every listed clip, those
without a hand included) and `store.json`, which holds checksums of them all. `store_writer` writes
it beside its place and renames it, so a folder that exists is complete. Opening it compares every
byte with its checksum, once on each machine and after each change of a file (`verified`).
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.checksums import open_sealed_json, require_unchanged
from gislr.data.listing import Listing
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.verified import verify_once
from gislr.utils.errors import DataError

STORE_VERSION = 8
"""Part of every cache key; raised whenever the bytes of a store would change."""

FRAMES, FRAME_INDEX, CLIPS = "frames.npy", "frame_index.npy", "clips.npz"
DESCRIPTION = "store.json"

Float32 = NDArray[np.float32]

_ROWS_AT_ONCE = 2_048
_COLUMN = "column "


@dataclass(frozen=True)
class ClipTable:
    """One row for every listed clip, in the order of the source.

    Attributes:
        paths: Where each clip came from, str.
        labels: int32 [clips].
        lengths: int64 [clips], frames kept; 0 for a clip without a hand.
        raw_lengths: int64 [clips], frames of the raw clip; 0 where unknown.
        left_dominant: bool [clips].
        columns: What else is known of each clip, str [clips] by name: `signer`, `split` (`train`,
            `val` or `test` of a published split) and a manifest's other columns; empty if unknown.
    """

    paths: NDArray[np.str_]
    labels: NDArray[np.int32]
    lengths: NDArray[np.int64]
    raw_lengths: NDArray[np.int64]
    left_dominant: NDArray[np.bool_]
    columns: Mapping[str, NDArray[np.str_]]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def signers(self) -> NDArray[np.str_]:
        """The signer of each clip; empty where unknown."""
        return self.columns["signer"]

    @property
    def is_test(self) -> NDArray[np.bool_]:
        """Which clips are kept for the end: those that a manifest lists as `test`, bool [clips]."""
        return self.columns["split"] == "test"

    @property
    def signers_known(self) -> bool:
        """Whether every clip's signer is known."""
        return bool((self.signers != "").all())

    @property
    def arrays(self) -> dict[str, Any]:
        """All of it by name, as `of_arrays` reads it."""
        own = {name: array for name, array in vars(self).items() if name != "columns"}
        return own | {f"{_COLUMN}{name}": array for name, array in self.columns.items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> ClipTable:
        """Returns the table of what `arrays` gave."""
        own = {name: array for name, array in arrays.items() if not name.startswith(_COLUMN)}
        columns = {
            name.removeprefix(_COLUMN): array
            for name, array in arrays.items()
            if name.startswith(_COLUMN)
        }
        return cls(**own, columns=columns)

    def rows(self, chosen: NDArray[np.bool_]) -> ClipTable:
        """Returns the chosen rows (bool [clips])."""
        return self.of_arrays({name: array[chosen] for name, array in self.arrays.items()})


@dataclass(frozen=True)
class Store:
    """An opened store. Arrays of frames are memory maps.

    Attributes:
        folder: Where it lies.
        frames: float32 [frames, landmarks, 3]; NaN where a landmark was not found.
        frame_index: float32 [frames].
        offsets: int64 [clips + 1]; clip `c` holds the frames `offsets[c]:offsets[c + 1]`.
        clips: The clips that hold frames.
        all_clips: Every listed clip, those without a hand included.
        signs: The glosses; a label is an index into them.
        fingerprint: Digest of the content (landmarks, labels, signers, signs).
        preprocessing: How its clips were made from raw ones.
        listing: The raw clips that it was prepared from, if they are still there.
    """

    folder: Path
    frames: Float32
    frame_index: Float32
    offsets: NDArray[np.int64]
    clips: ClipTable
    all_clips: ClipTable
    signs: list[str]
    fingerprint: str
    preprocessing: PreprocessingSettings
    listing: Listing | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens it instead of receiving its frames."""
        return open_store, (self.folder, self.preprocessing.axes, self.listing)

    @property
    def most_frames(self) -> int:
        """The most frames a clip may have."""
        return self.preprocessing.frames

    @property
    def left_out(self) -> int:
        """Number of clips left out because no hand was found in any frame."""
        return len(self.all_clips) - len(self.clips)

    def coordinates(self, rows: NDArray[np.int64]) -> Float32:
        """Returns what models read of some frames, float32 [rows, landmarks, axes].

        NaN is where a landmark was not found.
        Mapped pages are given back on the way: the system may map a megabyte around each clip, and
        a batch or a pass over a large store would fill the memory.
        """
        found = np.empty((len(rows), *self.preprocessing.shape), np.float32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            found[part] = self.frames[rows[part], :, : found.shape[-1]]
            self._release()
        return found

    def _release(self) -> None:
        """Unmaps what was read; the system keeps it cached while it has room."""
        mapped = getattr(self.frames, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)

    def summary(self) -> str:
        """Returns the counts as one line."""
        out = f"; {self.left_out} clips without a hand left out" if self.left_out else ""
        known = self.clips.signers_known
        signers = len(np.unique(self.clips.signers)) if known else "unknown"
        return (
            f"{len(self.clips):,} clips, {len(self.signs)} signs, {signers} signers, "
            f"{len(self.frames):,} frames{out}"
        )


def open_store(folder: Path, axes: str = "xy", listing: Listing | None = None) -> Store:
    """Opens a store.

    Args:
        folder: Where it lies.
        axes: What models read of it; a store keeps all three.
        listing: The raw clips that it was prepared from, if they are still there.

    Raises:
        DataError: The folder holds no whole store of this version, a byte of it has changed, or it
            holds no clip with a hand.
    """
    description = _read_description(folder / DESCRIPTION)

    def verify() -> None:
        for name, checksums in description["checksums"].items():
            require_unchanged(folder / name, checksums)

    verify_once(folder, [DESCRIPTION, *description["checksums"]], verify)
    with np.load(folder / CLIPS, allow_pickle=False) as table:
        all_clips = ClipTable.of_arrays(table)
    if not all_clips.lengths.any():
        raise DataError(
            f"The data must hold a clip in which a hand was found; none of {len(all_clips)} does."
        )
    clips = all_clips.rows(all_clips.lengths > 0)
    return Store(
        folder=folder,
        frames=np.load(folder / FRAMES, mmap_mode="r", allow_pickle=False),
        frame_index=np.load(folder / FRAME_INDEX, mmap_mode="r", allow_pickle=False),
        offsets=np.concatenate([[0], np.cumsum(clips.lengths)]),
        clips=clips,
        all_clips=all_clips,
        signs=list(description["signs"]),
        fingerprint=description["fingerprint"],
        preprocessing=PreprocessingSettings(**{**description["preprocessing"], "axes": axes}),
        listing=listing,
    )


def _read_description(path: Path) -> dict[str, Any]:
    remedy = f"Remove the folder {path.parent} and prepare the data again."
    try:
        description = open_sealed_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{path} was expected; there is no such file. {remedy}") from None
    except ValueError:
        raise DataError(
            f"{path} must hold what was written into it; some of its bytes, 0 to "
            f"{path.stat().st_size - 1}, have changed. {remedy}"
        ) from None
    if description["version"] != STORE_VERSION:
        raise DataError(
            f"{path.parent} must be a store of version {STORE_VERSION}; it is one of version "
            f"{description['version']}. {remedy}"
        )
    return description
