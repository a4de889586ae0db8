"""From clips of a store to one batch of rows: frames -> packed rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.batches.augmentation import Augmentation
from gislr.batches.packing import OWN, Layout, bucketed, pack, positions
from gislr.data.store import Store

EMPTY = -1
"""The clip of an empty segment."""


@dataclass(frozen=True)
class Batch:
    """Rows of frames, with arrays of their own that nothing writes to again.

    Attributes:
        frames: float32 [rows, row frames, landmarks, axes]; NaN where a landmark was
            not found and at empty positions.
        position: int32 [rows, row frames], the row of the position table; the last one is padding.
        segment_ids: int32 [rows, row frames], from 1; 0 for an empty or masked position.
        labels: int32 [rows, segments]; 0 in an empty segment.
        clips: int64 [rows, segments], rows of the store; -1 in an empty segment.
        targets: float32 [rows, segments, signs], how much of each sign a clip shows, where that is
            more than one; else `None`.
    """

    frames: NDArray[np.float32]
    position: NDArray[np.int32]
    segment_ids: NDArray[np.int32]
    labels: NDArray[np.int32]
    clips: NDArray[np.int64]
    targets: NDArray[np.float32] | None = None

    def inputs(self) -> dict[str, NDArray[np.generic]]:
        """Returns what a model reads."""
        return {"frames": self.frames, "position": self.position, "segment_ids": self.segment_ids}

    def weights(self) -> NDArray[np.float32]:
        """Returns float32 [rows, segments]: 0 for an empty segment, else segments / clips.

        With these the mean over all segments is the mean over the clips, also when rows are spread
        over devices that hold different numbers of clips.
        """
        used = self.clips != EMPTY
        return (used * (used.size / max(1, np.count_nonzero(used)))).astype(np.float32)

    def fill(self) -> float:
        """Returns the share of positions that hold a frame which counts."""
        return float(np.count_nonzero(self.segment_ids) / self.segment_ids.size)


def frame_positions(
    frame_index: NDArray[np.float32],
    lengths: NDArray[np.int64],
    most_frames: int,
    last_frame_position: str = OWN,
) -> NDArray[np.int32]:
    """Returns each frame's row in the position table, see `gislr.batches.packing.positions`.

    Args:
        frame_index: float32 [frames], the clips' indices one after another.
        lengths: int64 [clips], at least 1 each.
        most_frames: Rows of the table before that of padding.
        last_frame_position: `own` or `padding`.
    """
    starts = np.cumsum(lengths) - lengths
    last = np.repeat(np.maximum.reduceat(frame_index, starts), lengths)
    rows = positions(frame_index, last, most_frames, last_frame_position)
    return np.asarray(rows, np.float32).astype(np.int32)


def choose_frames(
    lengths: NDArray[np.int64], rate: float, generator: np.random.Generator | None
) -> NDArray[np.bool_]:
    """Draws the frames that count; where all of a clip's would be masked, none is.

    Args:
        lengths: int64 [clips], at least 1 each.
        rate: Probability that a frame is masked.
        generator: Where the draws come from; without one nothing is masked.

    Returns:
        bool [frames], the clips' frames one after another.
    """
    total = int(lengths.sum())
    if generator is None or rate == 0:
        return np.ones(total, bool)
    return some_of_each(generator.random(total) >= rate, np.ones(total, bool), lengths)


def some_of_each(
    kept: NDArray[np.bool_], otherwise: NDArray[np.bool_], lengths: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Returns `kept`, and `otherwise` for the clips of which it keeps no frame.

    Args:
        kept: bool [frames], the clips' frames one after another.
        otherwise: bool [frames].
        lengths: int64 [clips], at least 1 each.
    """
    none = np.add.reduceat(kept, np.cumsum(lengths) - lengths, dtype=np.int64) == 0
    return np.where(np.repeat(none, lengths), otherwise, kept)


def assemble(
    store: Store,
    clips: NDArray[np.int64],
    layout: Layout,
    *,
    frame_masking: float = 0.0,
    generator: np.random.Generator | None = None,
    augmentation: Augmentation | None = None,
    shows: NDArray[np.float32] | None = None,
    rows: int | None = None,
) -> Batch:
    """Builds one batch.

    Args:
        store: The prepared data.
        clips: int64 [clips], which clips; one may come several times.
        layout: The shape of rows.
        frame_masking: Probability that a frame is masked.
        generator: Where the masking is drawn from; without one nothing is masked.
        augmentation: How clips are changed, if they are; needs a generator.
        shows: float32 [clips of the store, signs], how much of each sign every clip shows, where
            that is more than one.
        rows: Number of rows, at least what packing needs; few sizes are used when `None`.
    """
    lengths = store.clips.lengths[clips]
    # A generator of its own: what is masked stays the same with and without augmentation.
    changes = generator.spawn(1)[0] if augmentation and generator else None
    if augmentation and changes:
        lengths, within = augmentation.resampled(lengths, store.most_frames, changes)
    else:
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = np.repeat(store.offsets[clips], lengths) + within
    position = frame_positions(
        store.frame_index[source], lengths, store.most_frames, layout.last_frame_position
    )
    valid = choose_frames(lengths, frame_masking, generator)
    if augmentation and changes:
        valid = some_of_each(valid & augmentation.spans(lengths, changes), valid, lengths)
    owner = np.repeat(np.arange(len(clips)), lengths)
    # Where a model sees neighbors a masked frame keeps its place: clips would be faster without.
    if layout.packed and not layout.gap:
        source, position, owner = source[valid], position[valid], owner[valid]
        valid = np.ones(len(source), bool)
        lengths = np.bincount(owner, minlength=len(clips))
    placement = pack(lengths, layout)
    if rows is None:
        rows = bucketed(placement.rows, layout)
    shape = (rows, layout.row_frames)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    flat = placement.row[owner] * layout.row_frames + placement.start[owner] + within
    frames = np.full((rows * layout.row_frames, *store.preprocessing.shape), np.nan, np.float32)
    shown = None if shows is None else shows[clips]
    if augmentation and changes:
        frames[flat], shown = _changed(
            store,
            clips,
            source,
            owner=owner,
            shown=shown,
            augmentation=augmentation,
            changes=changes,
        )
    else:
        frames[flat] = store.coordinates(source)
    all_positions = np.full(rows * layout.row_frames, store.most_frames, np.int32)
    all_positions[flat] = position
    segments = np.zeros(rows * layout.row_frames, np.int32)
    segments[flat] = (placement.segment[owner] + 1) * valid
    members = np.full((rows, layout.segments), EMPTY, np.int64)
    members[placement.row, placement.segment] = clips
    labels = np.zeros((rows, layout.segments), np.int32)
    labels[placement.row, placement.segment] = store.clips.labels[clips]
    targets = None
    if shown is not None:
        targets = np.zeros((rows, layout.segments, shown.shape[1]), np.float32)
        targets[placement.row, placement.segment] = shown
    return Batch(
        frames=frames.reshape(*shape, *frames.shape[1:]),
        position=all_positions.reshape(shape),
        segment_ids=segments.reshape(shape),
        labels=labels,
        clips=members,
        targets=targets,
    )


def _changed(
    store: Store,
    clips: NDArray[np.int64],
    source: NDArray[np.int64],
    *,
    owner: NDArray[np.int64],
    shown: NDArray[np.float32] | None,
    augmentation: Augmentation,
    changes: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Returns the frames `source`, parts mixed, clips blended and moved, and what they show.

    Returns:
        float32 [frames, landmarks, axes], and float32 [clips, signs] if they show several signs.
    """
    kinds, labels = store.preprocessing.landmark_set, store.clips.labels[clips]
    frames = store.coordinates(source)

    def as_far_into(others: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The frames of other clips that lie as far into them."""
        mine, other = clips[owner[rows]], clips[others[owner[rows]]]
        within = (source[rows] - store.offsets[mine]) * store.clips.lengths[other]
        return store.coordinates(store.offsets[other] + within // store.clips.lengths[mine])

    if augmentation.part_mixing:
        giver, taken = augmentation.mixed(labels, kinds, changes)
        takes: NDArray[np.bool_] = np.any(taken, axis=1)
        rows = np.flatnonzero(takes[owner])
        frames[rows] = np.where(taken[owner[rows], :, None], as_far_into(giver, rows), frames[rows])
    if augmentation.mixup:
        other, share = augmentation.blended(len(clips), changes)
        rows = np.flatnonzero(share[owner] < 1)
        found, part = as_far_into(other, rows), share[owner[rows], None, None]
        both = part * frames[rows] + (1 - part) * found
        frames[rows] = np.where(np.isnan(both), frames[rows], both)
        if shown is None:
            shown = np.eye(len(store.signs), dtype=np.float32)[labels]
        shown = share[:, None] * shown + (1 - share[:, None]) * shown[other]
    return augmentation.place(frames, owner, len(clips), kinds, changes), shown
