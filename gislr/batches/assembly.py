"""From clips of a store to one batch of rows: frames -> packed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.batches.augmentation import Transform
from gislr.batches.clip_batch import ClipBatch, first_frames, frames_within, some_of_each
from gislr.batches.packing import OWN, Layout, bucketed, pack, positions
from gislr.data.store import Store

EMPTY = -1
"""The clip of an empty segment."""


@dataclass(frozen=True)
class Batch:
    """Rows of frames. Each batch has arrays of its own, which nothing overwrites.

    Attributes:
        frames: float32 [rows, row frames, landmarks, axes]; NaN where a landmark was not found and
            at empty positions.
        position: int32 [rows, row frames], the row of the position table, the last one for padding;
            or the frame's place on its row's timeline, in a layout that has one.
        segment_ids: int32 [rows, row frames], from 1; 0 for an empty or masked position.
        labels: int32 [rows, segments]; 0 in an empty segment.
        clips: int64 [rows, segments], rows of the store; -1 in an empty segment.
        soft_labels: float32 [rows, segments, signs], or `None` for hard labels.
        targets: float32 like `frames`, the standardized landmarks that are masked, NaN elsewhere;
            `None` but in a pretraining.
    """

    frames: NDArray[np.float32]
    position: NDArray[np.int32]
    segment_ids: NDArray[np.int32]
    labels: NDArray[np.int32]
    clips: NDArray[np.int64]
    soft_labels: NDArray[np.float32] | None = None
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
        """Returns the share of positions that hold a valid frame."""
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
    last = np.repeat(np.maximum.reduceat(frame_index, first_frames(lengths)), lengths)
    rows = positions(frame_index, last, most_frames, last_frame_position)
    return np.asarray(rows, np.float32).astype(np.int32)


def choose_frames(
    lengths: NDArray[np.int64], rate: float, generator: np.random.Generator | None
) -> NDArray[np.bool_]:
    """Draws the frames that stay valid; where all of a clip's would be masked, none is.

    Args:
        lengths: int64 [clips], at least 1 each.
        rate: Probability that a frame is masked.
        generator: Source of the draws; without one nothing is masked.

    Returns:
        bool [frames], the clips' frames one after another.
    """
    total = int(lengths.sum())
    if generator is None or rate == 0:
        return np.ones(total, bool)
    return some_of_each(generator.random(total) >= rate, np.ones(total, bool), lengths)


def assemble(
    store: Store,
    clips: NDArray[np.int64],
    layout: Layout,
    *,
    frame_masking: float = 0.0,
    generator: np.random.Generator | None = None,
    augmentation: Sequence[Transform] = (),
    soft_labels: NDArray[np.float32] | None = None,
    rows: int | None = None,
) -> Batch:
    """Builds one batch.

    Args:
        store: The prepared data.
        clips: int64 [clips], which clips; one may come several times.
        layout: The shape of rows.
        frame_masking: Probability that a frame is masked.
        generator: Source of every draw; without one nothing is masked or augmented.
        augmentation: How clips are changed.
        soft_labels: float32 [clips of the store, signs], or `None` for hard labels.
        rows: Number of rows, at least what packing needs; few sizes are used when `None`.
    """
    lengths, labels = store.clips.lengths[clips], store.clips.labels[clips]
    source = np.repeat(store.offsets[clips], lengths) + frames_within(lengths)
    frame_index, read = store.frame_index[source], store.coordinates
    soft_labels = None if soft_labels is None else soft_labels[clips]
    kept = np.ones(len(source), bool)
    if augmentation and generator is not None:
        changed = ClipBatch(
            frames=read(source),
            frame_index=frame_index,
            valid=kept,
            lengths=lengths,
            most_frames=store.most_frames,
            landmarks=store.preprocessing.landmark_set,
        )
        # A generator of its own: what is masked stays the same with and without augmentation.
        own = generator.spawn(1)[0]
        for transform in augmentation:
            changed = transform(changed, own)
        lengths, kept = changed.lengths, changed.valid
        frame_index, source = changed.frame_index, np.arange(len(kept))
        read = partial(np.take, changed.frames, axis=0)
    position = (
        frames_within(lengths).astype(np.int32)
        if layout.timeline
        else frame_positions(frame_index, lengths, store.most_frames, layout.last_frame_position)
    )
    valid = choose_frames(lengths, frame_masking, generator)
    valid = some_of_each(valid & kept, valid, lengths)
    owner, places = np.repeat(np.arange(len(clips)), lengths), lengths
    if layout.packed:
        source, position, owner = source[valid], position[valid], owner[valid]
        valid = np.ones(len(source), bool)
        lengths = np.bincount(owner, minlength=len(clips))
    placement = pack(lengths, layout, places)
    if layout.timeline:
        position += placement.place[owner].astype(np.int32)
    if rows is None:
        rows = bucketed(placement.rows, layout)
    place = placement.row[owner], placement.start[owner] + frames_within(lengths)
    segment = (placement.segment[owner] + 1) * valid

    def of_frames(values: NDArray[Any], empty: float) -> NDArray[Any]:
        array = np.full((rows, layout.row_frames, *values.shape[1:]), empty, values.dtype)
        array[place] = values
        return array

    def of_clips(values: NDArray[Any], empty: float) -> NDArray[Any]:
        array = np.full((rows, layout.segments, *values.shape[1:]), empty, values.dtype)
        array[placement.row, placement.segment] = values
        return array

    return Batch(
        frames=of_frames(read(source), np.nan),
        position=of_frames(position, store.most_frames),
        segment_ids=of_frames(segment.astype(np.int32), 0),
        labels=of_clips(labels, 0),
        clips=of_clips(clips, EMPTY),
        soft_labels=None if soft_labels is None else of_clips(soft_labels, 0),
    )
