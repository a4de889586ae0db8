"""Which clips a training does not see, by the values of a column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.data.store import ClipTable

SIGNER, LISTED = "signer", "split"
"""Columns of clips: who signs, and the part of a published split."""


@dataclass(frozen=True)
class HeldOut:
    """The clips that a training validates on.

    Attributes:
        column: The column of the clips that groups them, such as `signer`.
        groups: Which of its values are held out, sorted; empty when nothing is.
    """

    column: str
    groups: list[str]

    def among(self, clips: ClipTable) -> NDArray[np.bool_]:
        """Returns which clips they are, bool [clips]."""
        if self.column not in clips.columns:
            return np.zeros(len(clips), bool)
        return np.isin(clips.columns[self.column], self.groups)

    def __str__(self) -> str:
        return f"{self.column} {', '.join(self.groups)}" if self.groups else "none"

    @property
    def whose(self) -> str:
        """Whose clips are evaluated, for headings."""
        if not self.groups:
            return "the training set (nothing is held out)"
        if self.column == LISTED:
            return f"the {', '.join(self.groups)} split"
        kind = "signers" if self.column == SIGNER else f"values of {self.column}"
        return f"{len(self.groups)} held-out {kind}"
