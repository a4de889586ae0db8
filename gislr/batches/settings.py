"""What a batch holds."""

from __future__ import annotations

from dataclasses import dataclass

from gislr.errors import SettingError


@dataclass(frozen=True)
class BatchSettings:
    """The batches' keys.

    Attributes:
        clips_per_sign: How many clips of every sign a batch holds.
        balance: 1 for every sign equally often, 0 for as often as it has clips.
    """

    clips_per_sign: int
    balance: float

    def __post_init__(self) -> None:
        if self.clips_per_sign < 1:
            raise SettingError(
                f"batches.clips_per_sign must be at least 1; got {self.clips_per_sign}."
            )
        if not 0 <= self.balance <= 1:
            raise SettingError(f"batches.balance must be 0 to 1; got {self.balance}.")
