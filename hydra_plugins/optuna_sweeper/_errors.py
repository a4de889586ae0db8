"""The sweeper's exception, and its words for unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from hydra.errors import HydraException


class SweepError(HydraException):
    """A sweep that cannot start or continue: expected, received, what to do."""


def require_name(key: str, name: object, known: Iterable[str]) -> None:
    """Raises a SweepError that lists the known names, unless `name` is one of them."""
    known = list(known)
    if name not in known:
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SweepError(f"{key} must be one of {', '.join(known) or 'none'}; got {name!r}.{hint}")
