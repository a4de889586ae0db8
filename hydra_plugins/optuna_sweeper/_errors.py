"""The sweeper's exception."""

from __future__ import annotations

from hydra.errors import HydraException


class SweepError(HydraException):
    """A sweep that cannot start or go on: expected, received, what to do."""
