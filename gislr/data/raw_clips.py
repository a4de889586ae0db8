"""Reads and writes raw clips: parquet files of 543 rows for each frame, as in the Kaggle set."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import GROUPS, LANDMARKS_PER_FRAME

AXES = ("x", "y", "z")
ORDER_COLUMN = "landmark_index"
"""Read besides the axes, to notice a file whose rows are in another order."""
_ROW_ORDER = np.concatenate([np.arange(size, dtype=np.int16) for _, size in GROUPS.values()])

MOST_FRAMES = 10_000
"""The most frames of a clip, over five minutes: a sign takes seconds."""

_REPEATED = ["frame", "type", "landmark_index"]


class ClipProblem(Exception):
    """A clip's file that cannot be used, with the kind of its problem and what to do."""

    def __init__(self, kind: str, remedy: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.remedy = remedy


def read_clip(path: Path, landmarks: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
    """Reads the landmarks of one clip.

    Args:
        path: Its parquet file.
        landmarks: Which of the 543 to read; all when `None`.

    Returns:
        float32 [frames, landmarks, 3], NaN where MediaPipe found nothing.

    Raises:
        ClipProblem: The file cannot be read, lacks columns, or its rows are no whole frames.
    """
    import pyarrow as pa
    from pyarrow import parquet

    used = [*AXES, ORDER_COLUMN]
    try:
        # Reading ahead helps on remote disks and costs a third of the time on local ones.
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            schema = file.schema_arrow
            if any(schema.names.count(name) != 1 for name in used):
                raise ClipProblem(
                    "Files with wrong columns",
                    f"Each needs frame, row_id, type, {ORDER_COLUMN}, {', '.join(AXES)}.",
                )
            rows = file.metadata.num_rows
            if rows == 0 or rows % LANDMARKS_PER_FRAME:
                raise ClipProblem(
                    f"Files whose rows are not a multiple of {LANDMARKS_PER_FRAME}",
                    f"A frame has {LANDMARKS_PER_FRAME} rows and a clip at least one frame.",
                )
            require_few_frames(rows // LANDMARKS_PER_FRAME)
            # A file of kilobytes may hold gigabytes of text.
            if not all(_is_number(schema.field(name).type) for name in used):
                raise _other_type()
            table = file.read(columns=used, use_threads=False)
            if table.num_rows != rows:
                raise pa.ArrowInvalid
    except (OSError, UnicodeError, pa.ArrowException):  # Arrow reads names of columns as UTF-8
        raise ClipProblem(
            "Unreadable files", "Each must be a parquet file; fetch it again."
        ) from None
    wanted = np.arange(LANDMARKS_PER_FRAME) if landmarks is None else landmarks
    places = np.arange(0, rows, LANDMARKS_PER_FRAME)[:, None] + wanted
    read = np.empty((*places.shape, len(AXES)), np.float32)
    try:
        order = _order(table.column(ORDER_COLUMN))
        for axis, name in enumerate(AXES):
            read[..., axis] = _values(table.column(name), places)
    except (ValueError, TypeError, pa.ArrowException):
        raise _other_type() from None
    if not (order == _ROW_ORDER).all():
        raise ClipProblem(
            "Files whose rows are in another order",
            "A frame is face (468), left_hand (21), pose (33), right_hand (21).",
        )
    require_finite(read)
    return read


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_floating(kind) or types.is_integer(kind) or types.is_null(kind))


def _other_type() -> ClipProblem:
    return ClipProblem(
        "Files with columns of another type", "Landmarks are numbers; write them as float64."
    )


def require_few_frames(frames: int) -> None:
    """Raises `ClipProblem` for more frames than a clip may have."""
    if frames > MOST_FRAMES:
        raise ClipProblem(f"Files of more than {MOST_FRAMES:,} frames", "Cut them into signs.")


def require_finite(landmarks: NDArray[np.float32]) -> None:
    """Raises `ClipProblem` for infinite values; NaN is a missing landmark."""
    if np.isinf(landmarks).any():
        raise ClipProblem("Files with infinite values", "Write a missing landmark as null or NaN.")


def _order(column: Any) -> NDArray[Any]:
    """Returns the landmark indices of every frame, [frames, 543]."""
    import pyarrow as pa

    chunk = _chunk(column)
    if chunk.type == pa.int16() and not chunk.null_count:
        # Arrow's own conversion would import pandas, in every process.
        order: Any = np.frombuffer(chunk.buffers()[1], np.int16)[chunk.offset :][: len(chunk)]
    else:
        order = chunk.to_numpy(zero_copy_only=False)
    return order.reshape(-1, LANDMARKS_PER_FRAME)


def _values(column: Any, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the values of a column at some places, NaN for null, float64 in their shape."""
    import pyarrow as pa

    chunk = _chunk(column)
    if chunk.type != pa.float64() or chunk.offset:
        return chunk.to_numpy(zero_copy_only=False)[places]
    # Arrow's own conversion fills nulls in all 543 landmarks, which costs a quarter of reading.
    found, data = chunk.buffers()
    values = np.frombuffer(data, np.float64, len(chunk)).take(places)
    if chunk.null_count:
        bits = np.frombuffer(found, np.uint8).take(places >> 3) >> (places & 7)
        values[bits & 1 == 0] = np.nan
    return values


def _chunk(column: Any) -> Any:
    """Returns a column as one array; Arrow would copy even a single chunk to combine it."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def write_clip(
    path: Path | BinaryIO,
    landmarks: NDArray[np.floating[Any]],
    frames: NDArray[np.int16] | None = None,
) -> None:
    """Writes frame, row_id, type, landmark_index, x, y, z; null where nothing was found.

    Args:
        path: The parquet file, or an open one.
        landmarks: [frames, 543, 3] with NaN.
        frames: int16 [frames], their numbers; from 0 when `None`.
    """
    import pyarrow as pa
    from pyarrow import compute, parquet

    names, suffixes = _row_labels()
    count = len(landmarks)
    shown = np.arange(count, dtype=np.int16) if frames is None else frames
    frame = pa.array(np.repeat(shown, LANDMARKS_PER_FRAME))
    row_id = compute.binary_join_element_wise(
        frame.cast(pa.string()), pa.concat_arrays([suffixes] * count), "-"
    )
    flat = landmarks.reshape(-1, len(AXES)).astype(np.float64)
    columns: dict[str, Any] = {
        "frame": frame,
        "row_id": row_id,
        "type": pa.concat_arrays([names] * count),
        "landmark_index": np.tile(_ROW_ORDER, count),
        **{axis: pa.array(flat[:, k], from_pandas=True) for k, axis in enumerate(AXES)},
    }
    # The values of other columns differ, so that dictionaries only cost time and space
    parquet.write_table(pa.table(columns), path, use_dictionary=_REPEATED)


@cache
def _row_labels() -> tuple[Any, Any]:
    """Returns type and the end of row_id of a frame's rows."""
    import pyarrow as pa

    names = [name for name, (_, size) in GROUPS.items() for _ in range(size)]
    suffixes = [f"{name}-{number}" for name, number in zip(names, _ROW_ORDER, strict=True)]
    return pa.array(names), pa.array(suffixes)
