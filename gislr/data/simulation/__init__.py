"""A small signing simulator, so that everything can be tried without data.

Signs are invented (only their glosses are real words), so a score on simulated clips says nothing
about sign language. What is kept from real recordings is their shape: the files, the lengths, the
landmarks that MediaPipe does not find, and signers who each have a manner of their own.
"""

from __future__ import annotations

from gislr.data.simulation.folder import write_folder
from gislr.data.simulation.simulation_settings import SIMULATION_VERSION, SimulationSettings

__all__ = ["SIMULATION_VERSION", "SimulationSettings", "write_folder"]
