"""Writes one raw clip as the Kaggle set's files have it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import GROUPS, LANDMARKS_PER_FRAME
from gislr.data.raw_clips import AXES


def write_clip(
    path: Path, landmarks: NDArray[np.floating[Any]], frames: NDArray[np.int16] | None = None
) -> None:
    """Writes frame, row_id, type, landmark_index, x, y, z; null where nothing was found.

    Args:
        path: The parquet file.
        landmarks: [frames, 543, 3] with NaN.
        frames: int16 [frames], their numbers; from 0 when `None`.
    """
    import pyarrow as pa
    from pyarrow import compute, parquet

    names, numbers, suffixes = _row_labels()
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
        "landmark_index": np.tile(numbers, count),
        **{axis: pa.array(flat[:, k], from_pandas=True) for k, axis in enumerate(AXES)},
    }
    parquet.write_table(pa.table(columns), path)


@cache
def _row_labels() -> tuple[Any, Any, Any]:
    """Returns type, landmark_index and the end of row_id of a frame's rows."""
    import pyarrow as pa

    names = [name for name, (_, size) in GROUPS.items() for _ in range(size)]
    numbers = np.concatenate([np.arange(size, dtype=np.int16) for _, size in GROUPS.values()])
    suffixes = [f"{name}-{number}" for name, number in zip(names, numbers, strict=True)]
    return pa.array(names), numbers, pa.array(suffixes)
