"""Reads a clip that came from elsewhere, in a process of its own with little memory and time.

    python -m gislr.demo.uploads CLIP.parquet LANDMARKS.npy

A parquet file's own account of its size is the writer's word: pages may unpack to gigabytes that
no footer mentions. What the process may use is bounded by the system instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.raw_clips import AXES, ORDER_COLUMN, require_clip
from gislr.inference import check_landmarks
from gislr.utils.errors import DataError

Float32 = NDArray[np.float32]

MOST_UNPACKED_BYTES = 512 * 2**20
"""Of a file's columns, as it claims them."""
MOST_MEMORY = 2 * 2**30
MOST_SECONDS = 20
_REFUSED = 3
_NUMBERS = {name: {"FLOAT", "DOUBLE"} for name in AXES} | {ORDER_COLUMN: {"INT32", "INT64"}}


def read_upload(content: bytes) -> Float32:
    """Reads a parquet file that came from elsewhere.

    Args:
        content: The file.

    Returns:
        float32 [frames, 543, 3].

    Raises:
        DataError: It is no clip, or takes more memory or time than any clip does.
    """
    # Every thread of a numerical library would take address space for itself.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        path, landmarks = Path(folder) / "clip.parquet", Path(folder) / "landmarks.npy"
        path.write_bytes(content)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "gislr.demo.uploads", str(path), str(landmarks)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=MOST_SECONDS,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            raise DataError(
                f"The clip could not be read in {MOST_SECONDS} seconds; write it anew."
            ) from None
        if done.returncode == _REFUSED:
            raise DataError(done.stdout.strip())
        if done.returncode:
            raise DataError("The clip took too much memory, or broke its reader; write it anew.")
        return check_landmarks(np.load(landmarks, allow_pickle=False))


def require_bounds(path: Path) -> None:
    """Refuses a file that cannot be a clip, by its footer.

    Raises:
        DataError: It is no parquet file, claims to unpack to too much, or its columns hold other
            things than numbers: lists and texts may have any size, however few rows there are.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        metadata = parquet.read_metadata(path)
        sizes = [metadata.row_group(k).total_byte_size for k in range(metadata.num_row_groups)]
        columns = [metadata.schema.column(k) for k in range(metadata.num_columns)]
        found = [(column.path, column.physical_type) for column in columns]
    except (OSError, ValueError, pa.ArrowException):
        raise DataError("A clip must be a parquet file; this is none.") from None
    if sum(sizes) > MOST_UNPACKED_BYTES:
        raise DataError(
            f"A clip may unpack to {MOST_UNPACKED_BYTES // 2**20} MB; this file claims "
            f"{sum(sizes) / 2**20:,.0f}."
        )
    for name, wanted in _NUMBERS.items():
        # Of a list the path goes on below the name; a missing column is told when it is read.
        same = [(full, kind) for full, kind in found if full.split(".")[0] == name]
        if len(same) > 1 or any(full != name or kind not in wanted for full, kind in same):
            raise DataError(
                f"A clip must have one column {name} of numbers; write landmarks as float64 and "
                f"{ORDER_COLUMN} as int16."
            )


def _limit_memory() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def main() -> None:
    """Reads one file and writes its landmarks; exits with code 3 after a sentence if refused."""
    path, target = map(Path, sys.argv[1:])
    _limit_memory()
    try:
        require_bounds(path)
        np.save(target, check_landmarks(require_clip(path, "The clip")))
    except DataError as error:
        print(error)
        sys.exit(_REFUSED)


if __name__ == "__main__":
    main()
