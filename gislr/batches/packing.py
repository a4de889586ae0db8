"""Packing: several clips share one row of frames, so that no position is spent on padding.

A row has `row_frames` positions and up to `segments` clips. Position `p` of row `r` belongs to the
clip in `segment[r, p]` (1, 2, ...; 0 is empty); a model lets frames see only their own segment and
returns one vector for each segment. A padded batch is the special case of one clip a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.utils.errors import SettingError

Int64 = NDArray[np.int64]

OWN, PADDING = "own", "padding"
"""The row of the position table that a clip's last frame has, see `positions`."""


@dataclass(frozen=True)
class Layout:
    """The shape of rows.

    Attributes:
        row_frames: Positions of a row.
        segments: The most clips of a row.
        packed: Whether clips share rows; otherwise each has one, with its masked frames in place.
        devices: Over how many devices rows are split evenly.
        single: Whether there is one row, of any number of frames, as in an exported model.
        gap: Where it is not 0, clips that share a row also lie on its timeline, at least this many
            places apart, with a place for each masked frame: what reaches back over as many frames
            reaches no other clip.
        last_frame_position: See `positions`.
        sizes: How many numbers of rows there are from one power of two to the next; each is
            compiled by itself.
    """

    row_frames: int
    segments: int
    packed: bool
    devices: int = 1
    single: bool = False
    gap: int = 0
    last_frame_position: str = OWN
    sizes: int = 32

    @property
    def timeline(self) -> int:
        """Places of a row's timeline, of which the last stays free; 0 for rows without one."""
        return 5 * self.row_frames // 2 if self.gap else 0

    @property
    def input_shape(self) -> tuple[int | None, int | None]:
        """Rows and frames of what a model reads; `None` where any number will do."""
        return (1, None) if self.single else (None, self.row_frames)


_FEWEST_SEGMENTS, _FRAMES_OF_A_SEGMENT = 16, 12
"""Real rows of 64 hold about four clips, of 384 about 25; more segments would let a row hold more
clips of few frames, at the price of a wider classifier."""


def layout_for(row_frames: int, *, packed: bool, gap: int = 0, **others: Any) -> Layout:
    """Returns the layout of a model whose clips share rows, or have one each; see `Layout`."""
    segments = max(_FEWEST_SEGMENTS, row_frames // _FRAMES_OF_A_SEGMENT) if packed else 1
    return Layout(row_frames, segments, packed=packed, gap=gap if packed else 0, **others)


def positions(
    frame_index: Any,
    last_index: Any,
    most_frames: int,
    last_frame_position: str = OWN,
    *,
    arrays: Any = np,
) -> Any:
    """Returns how far into its clip each frame lies, as a row of the position table.

    Rows 0 to `most_frames` - 1 are those of frames, row `most_frames` is that of padding.

    Args:
        frame_index: float32 [...], the number of each frame in its clip, from 0.
        last_index: float32, to be broadcast: the largest number of the frame's clip.
        most_frames: The most frames of a clip.
        last_frame_position: `own` gives the last frame the last row of frames; `padding` gives it
            that of padding, as in the reference (unless it is the only frame).
        arrays: The module of the arrays, `numpy` or `keras.ops`.

    Returns:
        float32 [...]; cut the fraction off to get the row.

    Example:
        >>> import numpy as np
        >>> index = np.array([0, 1, 2, 4], np.float32)
        >>> positions(index, np.float32(4), 64).astype(int).tolist()
        [0, 16, 32, 63]
        >>> positions(index, np.float32(4), 64, "padding").astype(int).tolist()
        [0, 16, 32, 64]
    """
    rows = frame_index / arrays.maximum(last_index, 1.0) * float(most_frames)
    return rows if last_frame_position == PADDING else arrays.minimum(rows, most_frames - 1.0)


@dataclass(frozen=True)
class Placement:
    """Where each clip of a batch goes.

    Attributes:
        rows: Number of rows.
        row: int64 [clips].
        start: int64 [clips], the clip's first position in its row.
        segment: int64 [clips], from 0.
        place: int64 [clips], the clip's first place on its row's timeline.
    """

    rows: int
    row: Int64
    start: Int64
    segment: Int64
    place: Int64


def pack(lengths: Int64, layout: Layout, places: Int64 | None = None) -> Placement:
    """Places clips into as few rows as best-fit decreasing finds.

    Args:
        lengths: int64 [clips], frames of each clip, at least 1 and at most `layout.row_frames`.
        layout: The shape of rows.
        places: int64 [clips], places of each clip on the timeline; `lengths` when `None`.

    Raises:
        SettingError: A clip does not fit into a row.
    """
    if len(lengths) and (lengths.min() < 1 or lengths.max() > layout.row_frames):
        raise SettingError(
            f"Clips must have 1 to {layout.row_frames} frames to fit into a row; "
            f"got {lengths.min()} to {lengths.max()}."
        )
    clips = len(lengths)
    row, start, segment, place = np.zeros((4, clips), np.int64)
    if not layout.packed:
        return Placement(clips, np.arange(clips), start, segment, place)
    members: list[int] = []
    taken: list[int] = []
    rows_by_room: list[list[int]] = [[] for _ in range(layout.row_frames + 1)]
    rooms = 0  # bit `n` is set if a row has room for `n` frames: most rooms are those of no row
    # The gap after the last clip may lie beyond the timeline, whose last place stays free.
    most = layout.timeline + layout.gap - 1
    spans = (lengths if places is None else places) + layout.gap

    def best_fit(size: int, span: int) -> tuple[int, int]:
        """Returns a row and its room; the next new row where none fits."""
        larger = rooms >> size << size
        while larger:
            room = (larger & -larger).bit_length() - 1
            for candidate in reversed(rows_by_room[room]):
                if not layout.gap or taken[candidate] + span <= most:
                    return candidate, room
            larger &= larger - 1
        return len(members), layout.row_frames

    order = np.argsort(-lengths, kind="stable")
    found = []
    for size, span in zip(lengths[order].tolist(), spans[order].tolist(), strict=True):
        chosen, room = best_fit(size, span)
        if chosen == len(members):
            members.append(0)
            taken.append(0)
        else:
            rows_by_room[room].remove(chosen)
            if not rows_by_room[room]:
                rooms ^= 1 << room
        found.append((chosen, layout.row_frames - room, members[chosen], taken[chosen]))
        members[chosen] += 1
        taken[chosen] += span
        if members[chosen] < layout.segments:
            rows_by_room[room - size].append(chosen)
            rooms |= 1 << room - size
    if found:
        row[order], start[order], segment[order], place[order] = np.transpose(found)
    return Placement(len(members), row, start, segment, place)


def bucketed(rows: int, layout: Layout) -> int:
    """Rounds a number of rows up: evenly for all devices, and to few sizes for compiled graphs.

    Packed rows become at most 1/`layout.sizes` more for one device.
    """
    step = max(1, (1 << (rows.bit_length() - 1)) // layout.sizes) if layout.packed else 1
    step = math.lcm(step, layout.devices)
    return -(-rows // step) * step
