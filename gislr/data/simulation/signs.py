"""What a sign is: hand shape, place, path, orientation of the palm, and the mouth.

The glosses are of the competition's vocabulary, the signs are invented. Many differ from another
one in a single parameter, so that confusions between them mean something.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gislr.data.simulation.hand import HandShape

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Place:
    """Where the middle of the hand is when the path is at its origin, for a right-handed signer.

    Attributes:
        position: Right, down and away in the image's sense. Around the head it is given in head
            heights from the middle of the face, elsewhere in shoulder widths from the middle of
            the shoulders.
        on_head: Whether the place moves with the head.
    """

    position: Vector
    on_head: bool


@dataclass(frozen=True)
class Sign:
    """One sign, by the names of its parameters.

    Attributes:
        gloss: A word of the competition's vocabulary.
        shape: Key of `HAND_SHAPES`.
        place: Key of `PLACES`.
        path: Key of `gislr.data.simulation.motion.PATHS`.
        orientation: Key of `ORIENTATIONS`.
        turn: Key of `gislr.data.simulation.motion.TURNS`.
        mouth: Key of `MOUTHS`.
        last_shape: Key of `HAND_SHAPES`, what the hand changes into on its way.
    """

    gloss: str
    shape: str
    place: str
    path: str
    orientation: str
    turn: str
    mouth: str
    last_shape: str


HAND_SHAPES: Final = {
    "spread": HandShape((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 0.9, 1.0),
    "flat": HandShape((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 0.0, 0.3),
    "fist": HandShape((0.9, 0.9, 0.9, 0.9), (1.0, 1.0, 1.0, 1.0), 0.0, 0.0),
    "point": HandShape((0.0, 0.9, 0.9, 0.9), (0.0, 1.0, 1.0, 1.0), 0.0, 0.0),
    "two": HandShape((0.0, 0.0, 0.9, 0.9), (0.0, 0.0, 1.0, 1.0), 0.7, 0.0),
    "three": HandShape((0.0, 0.0, 0.0, 0.9), (0.0, 0.0, 0.0, 1.0), 0.6, 0.0),
    "horns": HandShape((0.9, 0.9, 0.9, 0.0), (1.0, 1.0, 1.0, 0.0), 0.3, 1.0),
    "hook": HandShape((0.1, 0.9, 0.9, 0.9), (0.8, 1.0, 1.0, 1.0), 0.0, 0.1),
    "cup": HandShape((0.35, 0.35, 0.35, 0.35), (0.45, 0.45, 0.45, 0.45), 0.1, 0.7),
}
RELAXED: Final = HandShape((0.25, 0.3, 0.35, 0.4), (0.25, 0.3, 0.3, 0.3), 0.2, 0.5)

PLACES: Final = {
    "forehead": Place((-0.15, -0.45, -0.45), on_head=True),
    "temple": Place((-0.50, -0.30, -0.25), on_head=True),
    "cheek": Place((-0.45, 0.15, -0.30), on_head=True),
    "mouth": Place((-0.05, 0.25, -0.50), on_head=True),
    "chin": Place((-0.10, 0.50, -0.45), on_head=True),
    "chest": Place((0.05, 0.40, -0.35), on_head=False),
    "neutral": Place((-0.35, 0.35, -0.75), on_head=False),
    "side": Place((-0.70, -0.05, -0.45), on_head=False),
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


def _sign(
    gloss: str,
    shape: str,
    place: str,
    path: str,
    orientation: str,
    *,
    turn: str = "none",
    mouth: str = "still",
    last_shape: str | None = None,
) -> Sign:
    return Sign(gloss, shape, place, path, orientation, turn, mouth, last_shape or shape)


SIGNS: Final = (
    _sign("mom", "spread", "chin", "tap", "up, across"),
    _sign("dad", "spread", "forehead", "tap", "up, across"),
    _sign("grandma", "spread", "chin", "arc", "up, across"),
    _sign("grandpa", "spread", "forehead", "arc", "up, across"),
    _sign("water", "three", "chin", "tap", "up, across"),
    _sign("think", "point", "forehead", "tap", "up, in"),
    _sign("red", "point", "mouth", "down", "up, in"),
    _sign("shhh", "point", "mouth", "hold", "up, across", mouth="rounded"),
    _sign("thankyou", "flat", "chin", "out", "up, in", mouth="open"),
    _sign("hello", "flat", "temple", "out", "up, out", mouth="open"),
    _sign("please", "flat", "chest", "circle", "across, in"),
    _sign("happy", "flat", "chest", "tap", "across, in", mouth="stretched"),
    _sign("minemy", "flat", "chest", "hold", "across, in"),
    _sign("bye", "flat", "side", "shake", "up, out"),
    _sign("who", "point", "side", "shake", "up, out", mouth="rounded"),
    _sign("where", "point", "side", "shake", "up, out", mouth="stretched"),
    _sign("yes", "fist", "neutral", "hold", "up, out", turn="nod"),
    _sign("milk", "spread", "neutral", "hold", "up, across", last_shape="fist"),
    _sign("yellow", "horns", "neutral", "hold", "up, in", turn="rock"),
    _sign("callonphone", "horns", "cheek", "hold", "up, in"),
    _sign("apple", "hook", "cheek", "hold", "up, in", turn="rock"),
    _sign("drink", "cup", "mouth", "arc", "out, across", mouth="open"),
    _sign("clean", "flat", "neutral", "across", "across, down"),
    _sign("see", "two", "cheek", "out", "up, in"),
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
