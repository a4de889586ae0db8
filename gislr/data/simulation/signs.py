"""What a sign is: hand shape, place, path, orientation of the palm, and the mouth.

The glosses are of the competition's vocabulary, the signs are invented. Many differ from another
one in a single parameter, so that confusions between them mean something.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Vector = tuple[float, float, float]
Fingers = tuple[float, float, float, float]


@dataclass(frozen=True)
class Place:
    """Where the middle of a right hand is when the path is at its origin."""

    position: Vector
    """Right, down and away in the image's sense: on the head in head heights from the middle of the
    face, elsewhere in shoulder widths from the middle of the shoulders."""
    on_head: bool = False
    """Whether the place moves with the head."""


@dataclass(frozen=True)
class Sign:
    """One sign, by the names of its parameters."""

    gloss: str
    """A word of the competition's vocabulary."""
    shape: str
    """Of the hand, a key of `HAND_SHAPES`."""
    place: str
    path: str
    """Of the hand, see `gislr.data.simulation.motion.path`."""
    orientation: str
    turn: str = "none"
    """A key of `gislr.data.simulation.motion.TURNS`."""
    mouth: str = "still"
    last_shape: str | None = None
    """What the hand changes into on its way, if it does."""


def _shape(knuckles: Fingers, fingers: Fingers, spread: float, thumb: float) -> Float64:
    """Returns a hand shape as a vector, float64 [10], all values from 0 to 1.

    Args:
        knuckles: How far each finger is bent at its knuckle, index to little finger.
        fingers: How far each finger is bent at its two outer joints.
        spread: How far the fingers are spread.
        thumb: 0 across the palm, 1 stretched away from it.
    """
    return np.array([*knuckles, *fingers, spread, thumb])


HAND_SHAPES: Final = {
    "spread": _shape((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 0.9, 1.0),
    "flat": _shape((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 0.0, 0.3),
    "fist": _shape((0.9, 0.9, 0.9, 0.9), (1.0, 1.0, 1.0, 1.0), 0.0, 0.0),
    "point": _shape((0.0, 0.9, 0.9, 0.9), (0.0, 1.0, 1.0, 1.0), 0.0, 0.0),
    "two": _shape((0.0, 0.0, 0.9, 0.9), (0.0, 0.0, 1.0, 1.0), 0.7, 0.0),
    "three": _shape((0.0, 0.0, 0.0, 0.9), (0.0, 0.0, 0.0, 1.0), 0.6, 0.0),
    "horns": _shape((0.9, 0.9, 0.9, 0.0), (1.0, 1.0, 1.0, 0.0), 0.3, 1.0),
    "hook": _shape((0.1, 0.9, 0.9, 0.9), (0.8, 1.0, 1.0, 1.0), 0.0, 0.1),
    "cup": _shape((0.35, 0.35, 0.35, 0.35), (0.45, 0.45, 0.45, 0.45), 0.1, 0.7),
}
RELAXED: Final = _shape((0.25, 0.3, 0.35, 0.4), (0.25, 0.3, 0.3, 0.3), 0.2, 0.5)

PLACES: Final = {
    "forehead": Place((-0.15, -0.45, -0.45), True),
    "temple": Place((-0.50, -0.30, -0.25), True),
    "cheek": Place((-0.45, 0.15, -0.30), True),
    "mouth": Place((-0.05, 0.25, -0.50), True),
    "chin": Place((-0.10, 0.50, -0.45), True),
    "chest": Place((0.05, 0.40, -0.35)),
    "neutral": Place((-0.35, 0.35, -0.75)),
    "side": Place((-0.70, -0.05, -0.45)),
}

ORIENTATIONS: Final[dict[str, tuple[Vector, Vector]]] = {
    "up, out": ((0.0, -1.0, 0.0), (0.0, 0.0, -1.0)),
    "up, in": ((0.2, -1.0, 0.0), (0.0, 0.0, 1.0)),
    "up, across": ((0.1, -1.0, -0.1), (1.0, 0.0, -0.3)),
    "across, in": ((1.0, -0.4, -0.1), (0.1, 0.0, 1.0)),
    "across, down": ((1.0, -0.1, -0.5), (0.0, 1.0, 0.0)),
    "out, across": ((0.3, -0.6, -0.8), (1.0, 0.0, 0.0)),
    "down, across": ((0.2, 1.0, 0.0), (1.0, 0.0, 0.3)),
}
"""Name to the directions of the right hand's fingers and of its palm: right, down, away."""

MOUTHS: Final = {
    "still": (0.0, 0.0, 0.0),
    "open": (1.0, 0.0, 0.0),
    "rounded": (0.2, 1.0, 0.0),
    "stretched": (0.1, 0.0, 1.0),
}
"""Name to how far the mouth is opened, rounded and stretched, 0 to 1."""


SIGNS: Final = (
    Sign("mom", "spread", "chin", "tap", "up, across"),
    Sign("dad", "spread", "forehead", "tap", "up, across"),
    Sign("grandma", "spread", "chin", "arc", "up, across"),
    Sign("grandpa", "spread", "forehead", "arc", "up, across"),
    Sign("water", "three", "chin", "tap", "up, across"),
    Sign("think", "point", "forehead", "tap", "up, in"),
    Sign("red", "point", "mouth", "down", "up, in"),
    Sign("shhh", "point", "mouth", "hold", "up, across", mouth="rounded"),
    Sign("thankyou", "flat", "chin", "out", "up, in", mouth="open"),
    Sign("hello", "flat", "temple", "out", "up, out", mouth="open"),
    Sign("please", "flat", "chest", "circle", "across, in"),
    Sign("happy", "flat", "chest", "tap", "across, in", mouth="stretched"),
    Sign("minemy", "flat", "chest", "hold", "across, in"),
    Sign("bye", "flat", "side", "shake", "up, out"),
    Sign("who", "point", "side", "shake", "up, out", mouth="rounded"),
    Sign("where", "point", "side", "shake", "up, out", mouth="stretched"),
    Sign("yes", "fist", "neutral", "hold", "up, out", turn="nod"),
    Sign("milk", "spread", "neutral", "hold", "up, across", last_shape="fist"),
    Sign("yellow", "horns", "neutral", "hold", "up, in", turn="rock"),
    Sign("callonphone", "horns", "cheek", "hold", "up, in"),
    Sign("apple", "hook", "cheek", "hold", "up, in", turn="rock"),
    Sign("drink", "cup", "mouth", "arc", "out, across", mouth="open"),
    Sign("clean", "flat", "neutral", "across", "across, down"),
    Sign("see", "two", "cheek", "out", "up, in"),
)
"""Known signs; a sample of n signs has the first n."""


def orientation_matrix(name: str) -> NDArray[np.float64]:
    """Returns the rotation of the right hand at rest on this orientation, float64 [3, 3].

    Its columns are the directions of the thumb's side, of the fingers and of the palm.
    """
    fingers, palm = (np.array(direction) for direction in ORIENTATIONS[name])
    fingers = fingers / np.linalg.norm(fingers)
    palm = palm - palm @ fingers * fingers
    palm = palm / np.linalg.norm(palm)
    return np.stack([np.cross(fingers, palm), fingers, palm], axis=1)
