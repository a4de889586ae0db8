"""How a clip runs from rest into the sign and back, and the movement within the sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

_LENGTH_QUANTILES: Final = np.array([0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0])
_LENGTHS: Final = np.array([2.0, 4.0, 6.0, 11.0, 21.0, 42.0, 132.0, 215.0, 500.0])

_SHORT: Final = 9
"""Clips of at most so many frames hold nothing but the sign."""
_MOST_ACTIVE: Final = 130


@dataclass(frozen=True)
class Timeline:
    """When the hand is where, float64 [frames]."""

    raised: Float64
    """0 at rest, 1 in the sign."""
    phase: Float64
    """0 at the beginning of the sign's movement, 1 at its end."""


def clip_length(quantile: float) -> int:
    """Returns the number of frames below which this share of the clips stays.

    Follows the competition's clips: median 21, 95% below about 135, none above 500.
    """
    return round(float(np.exp(np.interp(quantile, _LENGTH_QUANTILES, np.log(_LENGTHS)))))


def timeline(frames: int, rng: np.random.Generator) -> Timeline:
    """Lays rest, raising, movement, lowering and rest into a clip.

    Long clips hold more rest, since people wait before and after a sign.
    """
    share = min(1.0, 0.95 * (frames / _SHORT) ** -0.24) * rng.uniform(0.8, 1.1)
    active = min(max(2.0, frames * min(share, 1.0)), _MOST_ACTIVE)
    start = (frames - active) * rng.beta(3.0, 3.0)
    ramp = max(1.0, active * rng.uniform(0.12, 0.3))
    begin, end = start + 0.6 * ramp, start + active - 0.6 * ramp
    time = np.arange(frames, dtype=np.float64)
    raised = _smooth((time - begin) / ramp + 1) * (1 - _smooth((time - end) / ramp))
    phase = np.clip((time - begin) / max(1.0, end - begin), 0.0, 1.0)
    return Timeline(raised, phase ** np.exp(rng.normal(0.0, 0.2)))


def _smooth(progress: Float64) -> Float64:
    clipped = np.clip(progress, 0.0, 1.0)
    return clipped**2 * (3 - 2 * clipped)


def _circle(phase: Float64) -> tuple[Float64, Float64, Float64]:
    angle = 3 * np.pi * phase
    return 0.15 * np.cos(angle), 0.15 * np.sin(angle), 0 * phase


def _tap(phase: Float64) -> tuple[Float64, Float64, Float64]:
    lifted = np.sin(2 * np.pi * phase) ** 2
    return -0.12 * lifted, 0.10 * lifted, -0.25 * lifted


_PATHS: Final[dict[str, Callable[[Float64], tuple[Float64, Float64, Float64]]]] = {
    "hold": lambda phase: (0 * phase, 0 * phase, 0 * phase),
    "tap": _tap,
    "out": lambda phase: (-0.08 * phase, 0.30 * phase, -0.60 * phase),
    "arc": lambda phase: (-0.45 * phase, -0.22 * np.sin(2 * np.pi * phase), -0.45 * phase),
    "down": lambda phase: (0 * phase, 0.5 * phase - 0.05, -0.1 * phase),
    "across": lambda phase: (0.6 * (phase - 0.5), 0 * phase, 0 * phase),
    "circle": _circle,
    "shake": lambda phase: (0.14 * np.sin(5 * np.pi * phase), 0 * phase, 0 * phase),
}
"""Name to the movement of a right hand: right, down and away, in shoulder widths."""


def path(name: str, phase: Float64) -> Float64:
    """Returns the movement of a right hand within a sign, float64 [frames, 3]."""
    return np.stack(_PATHS[name](phase), axis=1)


TURNS: Final[dict[str, tuple[int, float]]] = {"none": (1, 0.0), "nod": (0, 0.6), "rock": (1, 0.7)}
"""Name to the axis of the hand around which it swings (0 across, 1 along), and radians."""


def turn_angles(name: str, phase: Float64) -> Float64:
    """Returns the hand's turn against its orientation as rotation vectors, float64 [frames, 3]."""
    axis, angle = TURNS[name]
    vectors = np.zeros((len(phase), 3))
    vectors[:, axis] = angle * np.sin(5 * np.pi * phase)
    return vectors


def drift(frames: int, size: float, period: float, rng: np.random.Generator) -> Float64:
    """Returns a slow random movement, float64 [frames, 3].

    Its standard deviation is `size`, its slowest wave takes `period` frames.
    """
    time = np.arange(frames)[:, None, None]
    waves = np.arange(1, 4)[:, None]
    shift = rng.uniform(0, 2 * np.pi, (3, 3))
    weight = rng.normal(0.0, size, (3, 3)) * np.sqrt(2 / 3)
    return (weight * np.sin(2 * np.pi * waves * time / period + shift)).sum(axis=1)
