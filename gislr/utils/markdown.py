"""Markdown of text that comes from data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gislr.utils.log import printable

SHOWN = 30
"""How many texts `codes` shows."""

_LONGEST = 60


def code(text: object) -> str:
    """Returns text as Markdown's inline code, on one line, in which nothing is markup.

    A backtick, which would end it, becomes an apostrophe; what is longer than 60 characters is cut.

    Example:
        >>> code("<b>thank_you</b>")
        '`<b>thank_you</b>`'
    """
    line = printable(" ".join(str(text).split())).replace("`", "'")
    return f"`{line if len(line) <= _LONGEST else line[: _LONGEST - 1] + '…'}`"


def plain(text: object) -> str:
    """Returns text on one line, in which nothing is HTML, a link or a picture.

    Example:
        >>> print(plain("<b>"))
        &lt;b>
    """
    line = printable(" ".join(str(text).split()))
    return line.replace("<", "&lt;").replace("](", "]\\(")


def codes(texts: Sequence[object]) -> str:
    """Returns texts as `code`, and how many more there are than `SHOWN`.

    Example:
        >>> codes(["bee", "cow"])
        '`bee`, `cow`'
    """
    more = f" and {len(texts) - SHOWN:,} more" if len(texts) > SHOWN else ""
    return ", ".join(map(code, texts[:SHOWN])) + more


def bullets(lines: Iterable[object]) -> str:
    """Returns a list of the lines that are not empty, `None` or false."""
    return "\n".join(f"- {line}" for line in lines if line)


def table(header: Sequence[object], rows: Iterable[Iterable[object]]) -> str:
    """Returns a table; pipes within its cells are escaped.

    Example:
        >>> print(table(["sign", "F1"], [["bee", 0.5]]))
        | sign | F1 |
        | --- | --- |
        | bee | 0.5 |
    """
    lines = [header, ["---"] * len(header), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
