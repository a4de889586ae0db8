"""The same learning rate throughout."""

from __future__ import annotations

from gislr.training.schedules import SCHEDULES, Schedule


@SCHEDULES.register("constant")
class Constant(Schedule):
    """The same learning rate throughout."""

    def factor(self, epoch: int, epochs: int) -> float:
        """See `Schedule.factor`."""
        return 1.0
