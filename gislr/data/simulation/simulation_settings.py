"""How much is simulated."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gislr.data.simulation.signs import SIGNS
from gislr.utils.settings import Settings

SIMULATION_VERSION = 1
"""Part of the key of every cache of simulated clips; raised with every change of them."""


class SimulationSettings(Settings):
    """Equal settings give equal landmarks.

    Attributes:
        signs: Number of signs, the first so many of `gislr.data.simulation.signs.SIGNS`.
        signers: Number of signers. Those of a smaller number are not the first of a larger one.
        clips: Number of clips; signs, and signers within a sign, come equally often.
        seed: Decides on the signers and on every clip.
    """

    signs: Annotated[int, Field(ge=2, le=len(SIGNS))]
    signers: Annotated[int, Field(ge=1, le=1_000)]
    clips: Annotated[int, Field(ge=1, le=1_000_000)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
