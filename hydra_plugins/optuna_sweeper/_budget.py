"""How long a sweep may take."""

from __future__ import annotations

import time
from statistics import median

from hydra_plugins.optuna_sweeper._sweep import SECONDS, Sweep


class Budget:
    """The hours of a sweep, counted from now.

    Args:
        hours: `None` for as long as it takes.

    Example:
        >>> from hydra_plugins.optuna_sweeper._budget import Budget
        >>> Budget(None).is_spent(), Budget(0.0).is_spent()
        (False, True)
    """

    def __init__(self, hours: float | None) -> None:
        self._end = None if hours is None else time.monotonic() + 3600 * hours

    def is_spent(self) -> bool:
        """Tells whether the time is over."""
        return self._end is not None and time.monotonic() >= self._end

    def is_enough(self, sweep: Sweep) -> bool:
        """Tells whether another trial would end in time, as the median of the complete ones."""
        if self._end is None:
            return True
        complete = [trial for trial in sweep.trials() if trial.state.name == "COMPLETE"]
        seconds = [trial.user_attrs.get(SECONDS, 0.0) for trial in complete]
        return time.monotonic() + (median(seconds) if seconds else 0.0) < self._end
