"""Tables in CSV, in which spreadsheets calculate no text that comes from data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """Returns a value for a table; text that would be a formula begins with an apostrophe.

    Source: https://owasp.org/www-community/attacks/CSV_Injection

    Example:
        >>> cell("=1+1"), cell("thank-you"), cell(-1)
        ("'=1+1", 'thank-you', -1)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def write_csv(table: pd.DataFrame, path: Path, **options: Any) -> None:
    """Writes a table as CSV, its text as by `cell`.

    Args:
        table: The table.
        path: The file.
        options: Of `pandas.DataFrame.to_csv`.
    """
    shown = table.rename(columns=cell, index=cell)
    for name, kind in shown.dtypes.items():
        if kind.kind not in "biuf":
            shown[name] = shown[name].map(cell)
    shown.to_csv(path, lineterminator="\n", **options)
