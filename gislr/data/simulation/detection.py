"""Which parts MediaPipe finds in which frames."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

_LOWEST_IN_VIEW: Final = 1.03
_SIDES_IN_VIEW: Final = (-0.12, 1.12)
_MEAN_GAP: Final = 2.5
"""Frames."""
_POOR_CLIPS: Final = 0.07
"""Share of the clips in which most frames of the signing hand are missing."""
_FACELESS_CLIPS: Final = 0.004
_FACELESS_FRAMES: Final = 0.002
_OTHER_HAND_CLIPS: Final = 0.12
"""Share of the clips in which the resting hand is seen for a moment."""


def found_signing_hand(
    middle: Float64, raised: Float64, missing: float, rng: np.random.Generator
) -> Bool:
    """Tells in which frames the signing hand is found: at least one, and none far out of view.

    Args:
        middle: float64 [frames, 2], the hand's middle in the image.
        raised: float64 [frames], 0 at rest, 1 in the sign.
        missing: Share of frames that are lost while signing.
        rng: Source of randomness.

    Returns:
        bool [frames].
    """
    in_view = (
        (middle[:, 1] < _LOWEST_IN_VIEW)
        & (middle[:, 0] > _SIDES_IN_VIEW[0])
        & (middle[:, 0] < _SIDES_IN_VIEW[1])
    )
    found: Bool = in_view & (raised > rng.uniform(0.2, 0.7))
    share = rng.uniform(0.4, 0.9) if rng.random() < _POOR_CLIPS else missing
    found &= ~gaps(len(middle), share, rng)
    if not found.any():
        found[int(np.argmax(raised))] = True
    return found


def found_resting_hand(signing: Bool, rng: np.random.Generator) -> Bool:
    """Tells in which frames the resting hand is found: mostly none, never half of the signing one.

    Args:
        signing: bool [frames], where the signing hand is found.
        rng: Source of randomness.
    """
    found = np.zeros_like(signing)
    if rng.random() < _OTHER_HAND_CLIPS:
        most = np.count_nonzero(signing) // 3
        start = rng.integers(len(found))
        found[start : start + int(rng.integers(most + 1))] = True
    return found


def found_face(frames: int, rng: np.random.Generator) -> Bool:
    """Tells in which frames the face is found: all but about 0.6%."""
    if rng.random() < _FACELESS_CLIPS:
        return np.zeros(frames, bool)
    return ~gaps(frames, _FACELESS_FRAMES, rng)


def gaps(frames: int, share: float, rng: np.random.Generator) -> Bool:
    """Draws short runs of frames.

    Args:
        frames: Number of frames.
        share: Expected share of frames within runs, below 1.
        rng: Source of randomness.

    Returns:
        bool [frames], true within a run.
    """
    lost = np.zeros(frames, bool)
    chance = -np.log1p(-share) / _MEAN_GAP
    for start in np.flatnonzero(rng.random(frames) < chance):
        lost[start : start + rng.geometric(1 / _MEAN_GAP)] = True
    return lost


def frame_numbers(frames: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Numbers frames as the raw files do: never from 0, with single frames left out now and then.

    Returns:
        int16 [frames], rising.
    """
    steps = 1 + (rng.random(frames) < 0.01)
    steps[0] = rng.integers(1, 120)
    numbers: NDArray[np.int16] = np.cumsum(steps).astype(np.int16)
    return numbers
