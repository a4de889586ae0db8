"""CRC-32 checksums of files: a flipped bit is noticed, and its place is named."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gislr.utils.errors import DataError

CHUNK = 4 * 2**20
"""Bytes that share a checksum."""

_SEAL = "crc32"
_TRAILER = 4


class ChecksummedFile:
    """A new file that keeps the checksums of what is written, whatever a disk makes of it.

    Args:
        path: The file; it is open inside a `with` block.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._chunks: list[int] = []

    def __enter__(self) -> ChecksummedFile:
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, data: bytes | memoryview) -> None:
        """Appends some bytes."""
        self._file.write(data)
        rest = memoryview(data)
        while rest:
            filled = self._size % CHUNK
            if not filled:
                self._chunks.append(0)
            part = rest[: CHUNK - filled]
            self._chunks[-1] = zlib.crc32(part, self._chunks[-1])
            self._size += len(part)
            rest = rest[len(part) :]

    def checksums(self) -> dict[str, Any]:
        """Returns the number of bytes and the checksum of each chunk, as JSON holds them."""
        return {"bytes": self._size, "chunks": self._chunks}


def require_unchanged(path: Path, checksums: Mapping[str, Any]) -> None:
    """Compares a file with the checksums that were kept while it was written.

    The file is read a chunk at a time, so that a file of any size takes the memory of one.

    Args:
        path: A file of a prepared folder.
        checksums: See `ChecksummedFile.checksums`.

    Raises:
        DataError: It is missing, of another size, or some of its bytes have changed.
    """
    remedy = f"Remove the folder {path.parent} and prepare the data again."
    size = checksums["bytes"]
    if not path.is_file():
        raise DataError(f"{path} was expected; there is no such file. {remedy}")
    if path.stat().st_size != size:
        raise DataError(f"{path} must hold {size} bytes; it holds {path.stat().st_size}. {remedy}")
    with path.open("rb") as file:
        for number, expected in enumerate(checksums["chunks"]):
            if zlib.crc32(file.read(CHUNK)) != expected:
                start = number * CHUNK
                raise DataError(
                    f"{path} must hold what was written into it; its bytes {start} to "
                    f"{min(start + CHUNK, size) - 1} have changed. {remedy}"
                )


def sealed_json(values: Mapping[str, Any]) -> bytes:
    """Returns values as JSON that holds a checksum of itself."""
    seal = zlib.crc32(json.dumps(values).encode())
    return json.dumps({**values, _SEAL: seal}, indent=1).encode()


def open_sealed_json(data: bytes) -> dict[str, Any]:
    """Returns the values of `sealed_json`.

    Raises:
        ValueError: They are not those that were written, in any byte.
    """
    values = json.loads(data)
    if not isinstance(values, dict) or values.pop(_SEAL, None) is None:
        raise ValueError("it holds no checksum of itself")
    # Whatever differs, white space included, is not what would be written again.
    if sealed_json(values) != data:
        raise ValueError("it is not what its checksum was taken of")
    return values


def sealed(data: bytes) -> bytes:
    """Returns bytes, followed by their checksum."""
    return data + zlib.crc32(data).to_bytes(_TRAILER, "little")


def open_sealed(data: bytes) -> bytes:
    """Returns the bytes of `sealed`.

    Raises:
        ValueError: They are not those that were written.
    """
    body = data[:-_TRAILER]
    if zlib.crc32(body).to_bytes(_TRAILER, "little") != data[len(body) :]:
        raise ValueError("it is not what its checksum was taken of")
    return body
