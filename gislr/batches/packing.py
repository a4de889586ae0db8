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
        gap: Positions left empty after a clip that another follows, so that what reaches back over
            some frames reaches no other clip.
        last_frame_position: See `positions`.
    """

    row_frames: int
    segments: int
    packed: bool
    devices: int = 1
    single: bool = False
    gap: int = 0
    last_frame_position: str = OWN

    @property
    def input_shape(self) -> tuple[int | None, int | None]:
        """Rows and frames of what a model reads; `None` where any number will do."""
        return (1, None) if self.single else (None, self.row_frames)


MAX_SEGMENTS = 16
"""More segments would let a row hold more clips of fewer than four frames, at the price of a wider
classifier; real rows hold about four clips."""


def layout_for(
    row_frames: int,
    *,
    packed: bool,
    gap: int = 0,
    devices: int = 1,
    last_frame_position: str = OWN,
) -> Layout:
    """Returns the layout of a model whose clips share rows, or have one each; see `Layout`."""
    return Layout(
        row_frames,
        segments=MAX_SEGMENTS if packed else 1,
        packed=packed,
        devices=devices,
        gap=gap if packed else 0,
        last_frame_position=last_frame_position,
    )


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
    """

    rows: int
    row: Int64
    start: Int64
    segment: Int64


def pack(lengths: Int64, layout: Layout) -> Placement:
    """Places clips into as few rows as best-fit decreasing finds.

    Args:
        lengths: int64 [clips], frames of each clip, at least 1 and at most `layout.row_frames`.
        layout: The shape of rows.

    Raises:
        SettingError: A clip does not fit into a row.
    """
    if len(lengths) and (lengths.min() < 1 or lengths.max() > layout.row_frames):
        raise SettingError(
            f"Clips must have 1 to {layout.row_frames} frames to fit into a row; "
            f"got {lengths.min()} to {lengths.max()}."
        )
    clips = len(lengths)
    row, start, segment = np.zeros((3, clips), np.int64)
    if not layout.packed:
        return Placement(clips, np.arange(clips), start, segment)
    members: list[int] = []
    # The gap after the last clip may lie beyond the row.
    capacity = layout.row_frames + layout.gap
    rows_by_room: list[list[int]] = [[] for _ in range(capacity + 1)]
    sizes = (lengths + layout.gap).tolist()
    for clip in np.argsort(-lengths, kind="stable").tolist():
        size = sizes[clip]
        room = size
        while room <= capacity and not rows_by_room[room]:
            room += 1
        if room > capacity:
            room = capacity
            chosen = len(members)
            members.append(0)
        else:
            chosen = rows_by_room[room].pop()
        row[clip], start[clip], segment[clip] = chosen, capacity - room, members[chosen]
        members[chosen] += 1
        if members[chosen] < layout.segments:
            rows_by_room[room - size].append(chosen)
    return Placement(len(members), row, start, segment)


def bucketed(rows: int, layout: Layout) -> int:
    """Rounds a number of rows up: evenly for all devices, and to few sizes for compiled graphs.

    Packed rows become at most 1/32 more for one device.
    """
    step = max(1, (1 << (rows.bit_length() - 1)) // 32) if layout.packed else 1
    step = math.lcm(step, layout.devices)
    return -(-rows // step) * step
