"""The exceptions of this package; the command line prints them without a traceback."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from gislr.utils.log import printable

_LONG_WORD = re.compile(r"\S{500,}")


class GislrError(ValueError):
    """Wrong input; the message says what is expected, what was received and what to do.

    What was received may hold control characters, which the message escapes, and words of thousands
    of letters, which it cuts.
    """

    def __str__(self) -> str:
        return _LONG_WORD.sub(lambda found: f"{found[0][:100]}…", printable(super().__str__()))


class SettingError(GislrError):
    """A configuration key or value that cannot be used."""


class DataError(GislrError):
    """Input data that cannot be read; holds one line for each kind of problem found.

    Args:
        problems: One sentence each.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns `" Did you mean 'x'?"` for the closest known name, or an empty string."""
    matches = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def unknown_name(what: str, name: object, known: Iterable[str]) -> SettingError:
    """Returns the error for a name that a registry does not hold, listing those it does.

    Args:
        what: The setting's key, for instance `model.attention_mask`.
        name: What was received.
        known: The names that would have been understood.
    """
    names = sorted(known)
    return SettingError(
        f"{what} must be one of {', '.join(names)}; got {name!r}.{did_you_mean(str(name), names)}"
    )
