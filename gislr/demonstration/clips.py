"""What the page shows of a clip: landmarks to draw, and the likeliest signs as they change."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.raw_clips import require_clip
from gislr.errors import DataError
from gislr.evaluation.clip_figures import lines
from gislr.recognition import Prediction, Recogniser, check_landmarks, likeliest

Float32 = NDArray[np.float32]

MOST_MOMENTS = 120
"""Of a clip; longer ones are asked about at evenly spaced frames."""
MOST_BYTES = 64 * 2**20
MOST_UNPACKED_BYTES = 512 * 2**20
"""Of the columns that are read; a small file can claim any size."""

DRAWN = np.unique(np.concatenate([chain for part in lines().values() for chain in part]))
"""Rows of a frame that are drawn."""


def drawing() -> dict[str, Any]:
    """Returns what is drawn: rows of a frame, and chains of places among them by part."""
    return {
        "rows": DRAWN.tolist(),
        "chains": {
            part: [np.searchsorted(DRAWN, chain).tolist() for chain in chains]
            for part, chains in lines().items()
        },
    }


def read_upload(content: bytes) -> Float32:
    """Reads a parquet file that came from elsewhere.

    Args:
        content: The file.

    Returns:
        float32 [frames, 543, 3].

    Raises:
        DataError: It is no clip, or would not fit into memory.
    """
    _require_bounds(content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.parquet"
        path.write_bytes(content)
        return read_file(path)


def read_file(path: Path) -> Float32:
    """Reads a clip.

    Raises:
        DataError: It is none.
    """
    return check_landmarks(require_clip(path, "The clip"))


def _require_bounds(content: bytes) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        metadata = parquet.read_metadata(io.BytesIO(content))
        groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
        unpacked = sum(group.total_byte_size for group in groups)
    except (OSError, ValueError, pa.ArrowException):
        raise DataError("A clip must be a parquet file; this is none.") from None
    if unpacked > MOST_UNPACKED_BYTES:
        raise DataError(
            f"A clip may unpack to {MOST_UNPACKED_BYTES // 2**20} MB; this file claims "
            f"{unpacked / 2**20:,.0f}."
        )


def described(recogniser: Recogniser, landmarks: Float32) -> dict[str, Any]:
    """Returns a clip for the page.

    Args:
        recogniser: Any.
        landmarks: float32 [frames, 543, 3].

    Returns:
        `frames`, for each the drawn landmarks as [x, y] or null, and `moments`, for each the frame
        and the five likeliest signs of what has been seen until then.
    """
    count = len(landmarks)
    ends = np.unique(np.linspace(1, count, min(count, MOST_MOMENTS)).round().astype(int))
    found = likeliest(recogniser, [landmarks[:end] for end in ends.tolist()])
    return {
        "frames": [_points(frame) for frame in landmarks[:, DRAWN, :2]],
        "moments": [
            {"frame": end - 1, **as_json(moment)}
            for end, moment in zip(ends.tolist(), found, strict=True)
        ],
    }


def as_json(found: Prediction) -> dict[str, Any]:
    """Returns a prediction for the page."""
    return {
        "signs": found.signs,
        "probabilities": [round(value, 4) for value in found.probabilities],
        "has_hand": found.has_hand,
    }


def _points(frame: Float32) -> Sequence[list[float] | None]:
    return [
        None if np.isnan(point).any() else [round(float(value), 4) for value in point]
        for point in frame
    ]
