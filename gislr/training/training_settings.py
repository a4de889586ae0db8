"""How long and how exactly is trained."""

from __future__ import annotations

from dataclasses import dataclass

from gislr.utils.errors import SettingError, unknown_name

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
        perturbation: How far weights are moved uphill for the gradient of a step, as a share of
            their norm; 0 for plain steps. Takes twice the time.
        perturbation_epoch: The first epoch, from 0, in which they are.
        averaged_epochs: Of how many last epochs the weights are averaged in the end; 0 for none.
    """

    epochs: int
    precision: str
    devices: str
    deterministic: bool
    perturbation: float
    perturbation_epoch: int
    averaged_epochs: int

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise SettingError(f"training.epochs must be at least 1; got {self.epochs}.")
        for key in ("perturbation", "perturbation_epoch"):
            if getattr(self, key) < 0:
                raise SettingError(f"training.{key} must be at least 0; got {getattr(self, key)}.")
        if self.perturbation and self.devices != "1":
            raise SettingError(
                "training.perturbation works on one device only; got training.devices="
                f"{self.devices}. Set one of them back."
            )
        if not 0 <= self.averaged_epochs <= self.epochs:
            raise SettingError(
                f"training.averaged_epochs must be 0 to {self.epochs}, the number of epochs; "
                f"got {self.averaged_epochs}."
            )
        if self.precision not in PRECISIONS:
            raise unknown_name("training.precision", self.precision, PRECISIONS)
        if self.devices not in DEVICES:
            raise unknown_name("training.devices", self.devices, DEVICES)
