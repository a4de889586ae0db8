"""How an application follows a sweep and reuses its own results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

    from hydra_plugins.optuna_sweeper._sweep import Sweep


@dataclass(frozen=True)
class CachedResult:
    """The result of a finished run, which a trial reuses instead of running.

    Attributes:
        values: What the run returned, one for each direction.
        attributes: User attributes of the trial, such as the run's id.
    """

    values: Sequence[float]
    attributes: Mapping[str, str] = field(default_factory=dict)


class SweepCallback:
    """Base of callbacks, which run in the sweep's own process; override what you need.

    Attributes:
        show_best: Whether the terminal shows the best trials.
    """

    show_best = True

    def on_study_open(self, sweep: Sweep) -> None:
        """The study is open; this process has written nothing into it yet."""

    def on_sweep_start(self, sweep: Sweep) -> None:
        """No trial of this process has run yet.

        Of several processes that start at once, one at a time is here, and again where the study's
        database was away in the meantime.
        """

    def cached_result(self, sweep: Sweep, overrides: Sequence[str]) -> CachedResult | None:
        """Returns the result of a finished run with these overrides, if there is one."""
        return None

    def on_trial_end(self, sweep: Sweep, trial: optuna.trial.FrozenTrial) -> None:
        """A trial is complete, pruned or failed."""

    def on_sweep_end(self, sweep: Sweep, reason: str | None) -> None:
        """The sweep ends; the reason is `None` when it is complete."""


_factories: list[Callable[[], SweepCallback]] = []


def set_callbacks(*makes: Callable[[], SweepCallback]) -> None:
    """Calls these callbacks in the sweeps that follow, which are made when the first one begins."""
    _factories[:] = makes
    callbacks.cache_clear()


@cache
def callbacks() -> list[SweepCallback]:
    """Returns the callbacks of this process's sweeps."""
    return [make() for make in _factories]
