"""Reads an uploaded clip in a process of its own, with little memory and time.

    python -m gislr.demo.uploads CLIP.parquet LANDMARKS.npy

The size in a parquet file's footer is the writer's claim: pages may unpack to gigabytes that no
footer mentions. The system limits what the process uses.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.clip_files import require_clip
from gislr.data.raw_clips import AXES, ORDER_COLUMN
from gislr.inference import check_landmarks
from gislr.utils.errors import DataError

Float32 = NDArray[np.float32]

MAX_UNPACKED_BYTES = 512 * 2**20
"""The size of a file's columns, as its footer claims."""
MAX_MEMORY = 2 * 2**30
MAX_SECONDS = 20
_REFUSED = 3
_NUMBERS = {name: {"FLOAT", "DOUBLE"} for name in AXES} | {ORDER_COLUMN: {"INT32", "INT64"}}


def read_upload(content: bytes) -> Float32:
    """Reads an uploaded parquet file.

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
                timeout=MAX_SECONDS,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            raise DataError(
                f"The clip could not be read in {MAX_SECONDS} seconds; write it again."
            ) from None
        if done.returncode == _REFUSED:
            raise DataError(done.stdout.strip())
        if done.returncode:
            raise DataError("The clip took too much memory, or broke its reader; write it again.")
        return check_landmarks(np.load(landmarks, allow_pickle=False))


def require_bounds(path: Path) -> None:
    """Refuses a file that cannot be a clip, by its footer.

    Raises:
        DataError: It is no parquet file, claims to unpack to too much, or a column holds lists or
            texts, which may have any size, however few rows there are.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        metadata = parquet.read_metadata(path)
        groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
        columns = [metadata.schema.column(k) for k in range(metadata.num_columns)]
        kinds = [(column.path, column.physical_type) for column in columns]
        unpacked = sum(group.total_byte_size for group in groups)
    except (OSError, ValueError, pa.ArrowException):
        raise DataError("A clip must be a parquet file; this is none.") from None
    if unpacked > MAX_UNPACKED_BYTES:
        raise DataError(
            f"A clip may unpack to {MAX_UNPACKED_BYTES // 2**20} MB; this file claims "
            f"{unpacked / 2**20:,.0f}."
        )
    for name, numbers in _NUMBERS.items():
        # The values of a list have a path below the column's name. The reader reports missing ones.
        same = [(full, kind) for full, kind in kinds if full.split(".")[0] == name]
        if len(same) > 1 or any(full != name or kind not in numbers for full, kind in same):
            raise DataError(
                f"A clip must have one column {name} of numbers; write landmarks as float64 and "
                f"{ORDER_COLUMN} as int16."
            )


def main() -> None:
    """Reads one file and writes its landmarks; prints a refusal and exits with code 3."""
    path, target = map(Path, sys.argv[1:])
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    try:
        require_bounds(path)
        np.save(target, check_landmarks(require_clip(path, "The clip")))
    except DataError as error:
        print(error)
        sys.exit(_REFUSED)


if __name__ == "__main__":
    main()
