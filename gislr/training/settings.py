"""How long and how exactly is trained."""

from __future__ import annotations

from dataclasses import dataclass

from gislr.errors import SettingError, unknown_name

PRECISIONS = ("float32", "mixed_bfloat16")
DEVICES = ("1", "all")


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how exactly is trained.

    Attributes:
        epochs: Number of epochs.
        precision: `float32`, or `mixed_bfloat16` for float32 weights with faster products.
        devices: `1`, or `all` local devices.
        deterministic: Whether equal seeds give equal numbers, at some cost on a GPU.
        averaged_epochs: Of how many last epochs the weights are averaged in the end; 0 for none.
    """

    epochs: int
    precision: str
    devices: str
    deterministic: bool
    averaged_epochs: int

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise SettingError(f"training.epochs must be at least 1; got {self.epochs}.")
        if not 0 <= self.averaged_epochs <= self.epochs:
            raise SettingError(
                f"training.averaged_epochs must be 0 to {self.epochs}, the number of epochs; "
                f"got {self.averaged_epochs}."
            )
        if self.precision not in PRECISIONS:
            raise unknown_name("training.precision", self.precision, PRECISIONS)
        if self.devices not in DEVICES:
            raise unknown_name("training.devices", self.devices, DEVICES)
