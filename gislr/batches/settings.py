"""What a batch holds."""

from __future__ import annotations

from dataclasses import dataclass

from gislr.errors import SettingError


@dataclass(frozen=True)
class BatchSettings:
    """The batches' keys.

    Attributes:
        clips_per_sign: How many clips of every sign a batch holds.
    """

    clips_per_sign: int

    def __post_init__(self) -> None:
        if self.clips_per_sign < 1:
            raise SettingError(
                f"batches.clips_per_sign must be at least 1; got {self.clips_per_sign}."
            )
