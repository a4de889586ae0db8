"""What a batch holds."""

from __future__ import annotations

from dataclasses import dataclass

from gislr.utils.errors import SettingError


@dataclass(frozen=True)
class BatchSettings:
    """The batches' keys.

    Attributes:
        samples_per_class: How many clips of every sign a batch holds.
        class_balance: 1 for every sign equally often, 0 for as often as it has clips.
    """

    samples_per_class: int
    class_balance: float

    def __post_init__(self) -> None:
        if self.samples_per_class < 1:
            raise SettingError(
                f"batches.samples_per_class must be at least 1; got {self.samples_per_class}."
            )
        if not 0 <= self.class_balance <= 1:
            raise SettingError(f"batches.class_balance must be 0 to 1; got {self.class_balance}.")
