"""Published sets: a module for each reads the set's own metadata files.

An importer lists the clips that a set publishes; `gislr.data.manifest_writer` writes those that are
there as a manifest. Importers are names of `IMPORTERS`, and `gislr import NAME ROOT` runs one.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from gislr.data.clip_files import READERS, VIDEO_SUFFIXES
from gislr.utils.errors import DataError
from gislr.utils.registry import Registry

Kind = TypeVar("Kind")

CLIP_SUFFIXES = (*READERS, *VIDEO_SUFFIXES)

_WANTED: dict[type, str] = {str: "text", int: "a whole number", list: "a list"}


@dataclass(frozen=True)
class ListedClip:
    """A clip as a set lists it.

    Attributes:
        stem: The name of its file, without folder and suffix.
        sign: Its gloss.
        signer: Who signs; empty if the set does not say.
        split: `train`, `val` or `test`; empty if the set has no official split.
        start: Its first frame in the file, from 0.
        end: The frame after its last one; -1 for the file's end.
    """

    stem: str
    sign: str
    signer: str = ""
    split: str = ""
    start: int = 0
    end: int = -1


class Importer:
    """Reads the metadata of a published set.

    Attributes:
        videos: Where the set's videos lie below its root when its own tools have put them there.
    """

    videos: ClassVar[str] = "."

    def listed(self, root: Path, files: Mapping[str, Path]) -> Iterator[ListedClip]:
        """Yields every clip that the set lists, whether its file is there or not.

        Args:
            root: The folder of the metadata.
            files: By stem, each file of landmarks or video that is there, for sets whose file names
                or folders are the metadata.

        Raises:
            DataError: The metadata is missing or not as published.
        """
        raise NotImplementedError


IMPORTERS: Registry[type[Importer]] = Registry("importer", "gislr.data.importers", "dataset")


def stem_of(name: str) -> str:
    """Returns a file's name without the suffix of landmarks or video.

    Example:
        >>> from gislr.data.importers import stem_of
        >>> stem_of("00295-GO.AWAY.mp4"), stem_of("00295-GO.AWAY")
        ('00295-GO.AWAY', '00295-GO.AWAY')
    """
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in CLIP_SUFFIXES else name


def youtube_id(url: str) -> str:
    """Returns the video's id in an address of YouTube; empty for other addresses.

    Example:
        >>> from gislr.data.importers import youtube_id
        >>> youtube_id("www.youtube.com/watch?v=7y5Ye-2-ZBs"), youtube_id("https://youtu.be/3-GrhsVs830")
        ('7y5Ye-2-ZBs', '3-GrhsVs830')
    """
    match = re.search(r"(?:youtube\.com/.*?[?&]v=|youtube\.com/embed/|youtu\.be/)([\w-]{11})", url)
    return match[1] if match else ""


def read_json_list(path: Path) -> list[Any]:
    """Reads a JSON file that holds a list.

    Raises:
        DataError: There is no such file, or it holds something else.
    """
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise not_as_published(path, f"it is no JSON ({error})") from None
    if not isinstance(found, list):
        raise not_as_published(path, "it must hold a list")
    return found


def read_csv_rows(path: Path) -> list[list[str]]:
    """Reads the rows of a CSV file, without empty ones and without spaces around values.

    Raises:
        DataError: There is no such file, or it is no CSV file.
    """
    try:
        rows = list(csv.reader(StringIO(_text(path), newline="")))
    except csv.Error as error:
        raise not_as_published(path, f"it is no CSV file ({error})") from None
    return [[value.strip() for value in row] for row in rows if row]


def value_of(entry: object, name: str, kind: type[Kind], path: Path) -> Kind:
    """Returns a value of a JSON object.

    Args:
        entry: The object.
        name: The value's name.
        kind: Its type: `str`, `int` or `list`.
        path: The file, for messages.

    Raises:
        DataError: There is none of this name, or it has another type.
    """
    found = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(found, kind):
        raise not_as_published(path, f"{name} must be {_WANTED[kind]} in {str(entry)[:100]}")
    return found


def not_as_published(path: Path, reason: str) -> DataError:
    """Returns the error for metadata that cannot be read as the set publishes it."""
    return DataError(f"{path} is not as the set publishes it: {reason}.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise not_as_published(path, "it must be text in UTF-8") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(
            f"The set's metadata is expected in {path}, which cannot be read: {reason}."
        ) from None
