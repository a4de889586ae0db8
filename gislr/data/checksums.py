"""Checksums of files that are read long after they were written."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gislr.errors import DataError

BYTES_AT_ONCE = 4 * 2**20
_KEY = "checksum"


def checksums(path: Path) -> list[int]:
    """Returns the CRC-32 of each 4 MiB of a file."""
    return list(_checksums(path))


def _checksums(path: Path) -> Iterator[int]:
    # Not through a memory map: what was mapped would count as this process's memory.
    with path.open("rb") as file:
        while part := file.read(BYTES_AT_ONCE):
            yield zlib.crc32(part)


def verify(path: Path, expected: Sequence[int]) -> None:
    """Compares a file with the checksums of when it was written.

    Raises:
        DataError: A byte differs, or the file is longer or shorter; says where.
        OSError: It cannot be read.
    """
    found = checksums(path)
    if found == list(expected):
        return
    parts = max(len(found), len(expected))
    first = next(k for k in range(parts) if found[k : k + 1] != list(expected[k : k + 1]))
    start = first * BYTES_AT_ONCE
    raise DataError(
        f"{path} must be as it was written, but it has changed between bytes {start:,} and "
        f"{start + BYTES_AT_ONCE:,}; remove the folder {path.parent} and prepare the data again."
    )


def sealed(description: Mapping[str, Any]) -> str:
    """Returns a description as JSON that holds a checksum of itself."""
    return json.dumps({**description, _KEY: _of(description)}, indent=1)


def unsealed(path: Path) -> dict[str, Any]:
    """Reads what `sealed` returned.

    Raises:
        DataError: It has changed since.
        ValueError: It is no JSON.
        OSError: It cannot be read.
    """
    description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if description.pop(_KEY) != _of(description):
        raise DataError(
            f"{path} must be as it was written, but it has changed; remove the folder "
            f"{path.parent} and prepare the data again."
        )
    return description


def _of(description: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(description, sort_keys=True).encode())
