"""How much is simulated."""

from __future__ import annotations

from dataclasses import dataclass

from gislr.data.simulation.signs import SIGNS
from gislr.utils.errors import SettingError

SIMULATION_VERSION = 1
"""Belongs into the key of every cache of simulated clips: grows with every change of them."""

_MOST_SIGNERS = 1_000
_MOST_CLIPS = 1_000_000
_MOST_SEED = 2**32 - 1


@dataclass(frozen=True)
class SimulationSettings:
    """Equal settings give equal landmarks.

    Attributes:
        signs: Number of signs, the first so many of `gislr.data.simulation.signs.SIGNS`.
        signers: Number of signers. Those of a smaller number are not the first of a larger one.
        clips: Number of clips; signs, and signers within a sign, are shown equally often.
        seed: Decides on the signers and on every clip.

    Raises:
        SettingError: A value is out of range.
    """

    signs: int
    signers: int
    clips: int
    seed: int

    def __post_init__(self) -> None:
        _check_range("data.signs", self.signs, 2, len(SIGNS))
        _check_range("data.signers", self.signers, 1, _MOST_SIGNERS)
        _check_range("data.clips", self.clips, 1, _MOST_CLIPS)
        _check_range("data.seed", self.seed, 0, _MOST_SEED)


def _check_range(key: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise SettingError(f"{key} must be {least} to {most}; got {value}. Choose one in between.")
