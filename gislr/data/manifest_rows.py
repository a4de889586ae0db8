"""Rows of a manifest in CSV, as they are added to: read, and written whole."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from itertools import zip_longest
from pathlib import Path

from gislr.utils.errors import DataError
from gislr.utils.paths import atomic_file

MANIFEST = "manifest.csv"
"""What a folder's manifest is called where gislr writes it."""


def read_csv_text(path: Path) -> tuple[str, str]:
    """Returns the text of a CSV file, and what separates its columns by its first line.

    Excel's files are read as they are: semicolons or tabs, a byte order mark.

    Raises:
        DataError: It is no text in UTF-8.
        OSError: It cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except UnicodeDecodeError:
        raise DataError(f'{path} must be text in UTF-8; save it as "CSV UTF-8".') from None
    return text, max(",;\t", key=text.partition("\n")[0].count)


def read_rows(path: Path) -> tuple[list[dict[str, str]], str]:
    """Returns the rows of a manifest, none where there is no file, and what separates columns.

    Nothing else is checked, see `gislr.data.sources.clips.read_manifest`.

    Raises:
        DataError: It is no text in UTF-8, or no CSV file.
    """
    if not path.exists():
        return [], ","
    text, delimiter = read_csv_text(path)
    rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    try:
        lines = [line for line in rows if line]
    except csv.Error as error:
        raise DataError(f"{path} could not be read as a CSV file: {error}.") from None
    names = [name.strip().lower() for name in lines[0]] if lines else []
    return [dict(zip_longest(names, line, fillvalue="")) for line in lines[1:]], delimiter


def write_rows(path: Path, rows: Iterable[Mapping[str, object]], delimiter: str = ",") -> None:
    """Writes a manifest; it appears whole. Its columns are those of all rows.

    Raises:
        DataError: The file cannot be written.
    """
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    try:
        with (
            atomic_file(path) as beside,
            beside.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.DictWriter(file, columns, "", delimiter=delimiter, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error}.") from None
