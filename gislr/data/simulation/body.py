"""Face, lips and pose: a plain model of the upper body in front of a camera.

Right, down and away from the camera are positive, as in MediaPipe's images; the unit is the
signer's shoulder width, the origin the middle of the shoulders.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import GROUPS, LIPS

Float64 = NDArray[np.float64]

_FACE_LANDMARKS: Final = GROUPS["face"][1]
_MOUTH_DOWN: Final = 0.2
_LIPS_HALF_WIDTH: Final = 0.155
_RIM: Final = {33: (-0.21, -0.17), 263: (0.21, -0.17), 1: (0.0, 0.0), 4: (0.0, -0.05)}
_OVAL: Final = {10: -0.5 * np.pi, 454: 0.0, 152: 0.5 * np.pi, 234: np.pi}
"""Angle on the face's outline of the few landmarks that are known by their number."""

_HEAD_POSE: Final = np.array(
    [
        [0.0, -0.03, -0.52],
        [0.08, -0.17, -0.42],
        [0.14, -0.17, -0.40],
        [0.20, -0.17, -0.36],
        [-0.08, -0.17, -0.42],
        [-0.14, -0.17, -0.40],
        [-0.20, -0.17, -0.36],
        [0.37, -0.05, 0.05],
        [-0.37, -0.05, 0.05],
        [0.12, 0.2, -0.40],
        [-0.12, 0.2, -0.40],
    ]
)
"""The pose's landmarks 0 to 10, head heights from the middle of the face."""

_LOWER_BODY: Final = np.array([[0.31, 1.5, 0.0], [0.26, 2.75, 0.1], [0.25, 3.9, 0.35]])
"""Left hip, knee and ankle; heel and toes follow the ankle."""


@cache
def face_at_rest() -> Float64:
    """Returns a smooth face, float64 [468, 3], head heights from its middle.

    Only the lips and a handful of landmarks are where MediaPipe has them; the others are spread
    evenly, which is enough to fill a face that is not read.
    """
    number = np.arange(_FACE_LANDMARKS)
    radius = np.sqrt((number + 0.5) / _FACE_LANDMARKS)
    angle = number * np.pi * (3 - np.sqrt(5))
    mesh = np.zeros((_FACE_LANDMARKS, 2))
    mesh[:, 0], mesh[:, 1] = 0.38 * radius * np.cos(angle), 0.5 * radius * np.sin(angle)
    for landmark, turned in _OVAL.items():
        mesh[landmark] = 0.38 * np.cos(turned), 0.5 * np.sin(turned)
    for landmark, position in _RIM.items():
        mesh[landmark] = position
    face = np.concatenate([mesh, _bulge(mesh[:, :1], mesh[:, 1:])], axis=1)
    face[LIPS] = lips(np.zeros((1, 3)))[0]
    return face


def _bulge(right: Float64, down: Float64) -> Float64:
    """Returns how far away the surface of the face is; its middle is closest to the camera."""
    rest = 1 - (right / 0.40) ** 2 - (down / 0.60) ** 2
    return -0.45 * np.sqrt(np.clip(rest, 0.0, None))


def lips(mouth: Float64) -> Float64:
    """Returns the lips in the order of `LIPS`, float64 [frames, 40, 3], placed as in `face`.

    Args:
        mouth: float64 [frames, 3], how far the mouth is opened, rounded and stretched, 0 to 1.
    """
    opened, rounded, stretched = (mouth[:, axis, None] for axis in range(3))
    whole = np.linspace(-1, 1, 11)
    # Outer upper and lower lip, inner upper and lower lip, and the inner corner that closes them.
    right = np.concatenate([whole, whole[1:-1], whole[:-1], whole[1:-1], [1.0]])
    lower = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0], [11, 9, 10, 9, 1])
    inner = np.repeat([0.0, 1.0], [20, 20])
    vault = 1 - right**2
    width = _LIPS_HALF_WIDTH * (1 - 0.35 * rounded + 0.3 * stretched - 0.08 * opened)
    gap = 0.16 * opened + 0.05 * rounded
    outer_edge = np.where(lower, 0.058, -0.042) * (1 + 0.3 * rounded - 0.25 * stretched)
    edge = outer_edge * (1 - inner)
    down = _MOUTH_DOWN + vault * (edge + lower * gap) - 0.02 * stretched * right**2
    across = right * width * (1 - 0.06 * inner)
    away = np.broadcast_to(_bulge(across, down) - 0.06 * rounded * vault, across.shape)
    return np.stack([across, down, away], axis=2)


def face(mouth: Float64) -> Float64:
    """Returns the whole face, float64 [frames, 468, 3], head heights from its middle."""
    whole = np.repeat(face_at_rest()[None], len(mouth), axis=0)
    whole[:, LIPS] = lips(mouth)
    return whole


def elbow(shoulder: Float64, wrist: Float64, upper: float, lower: float) -> Float64:
    """Returns the elbow, below and outside of the line from shoulder to wrist.

    All are float64 [frames, 3]; the arm's lengths are in shoulder widths.
    """
    line = wrist - shoulder
    reach = np.clip(np.linalg.norm(line, axis=1, keepdims=True), 1e-6, None)
    bent = np.clip(reach, abs(upper - lower) + 1e-3, (upper + lower) * 0.999)
    along = (bent**2 + upper**2 - lower**2) / (2 * bent)
    height = np.sqrt(np.clip(upper**2 - along**2, 0.0, None))
    direction = line / reach
    pole = np.stack(
        [0.7 * np.sign(shoulder[:, 0]), np.full(len(shoulder), 1.0), np.full(len(shoulder), 0.2)],
        axis=1,
    )
    pole -= (pole * direction).sum(axis=1, keepdims=True) * direction
    pole /= np.clip(np.linalg.norm(pole, axis=1, keepdims=True), 1e-6, None)
    return shoulder + direction * along + pole * height


def pose(
    head: Float64, head_height: float, hands: tuple[Float64, Float64], arm: tuple[float, float]
) -> Float64:
    """Returns the 33 landmarks of the pose, float64 [frames, 33, 3], in shoulder widths.

    Args:
        head: float64 [frames, 3], the middle of the face.
        head_height: From forehead to chin.
        hands: The left and the right hand, float64 [frames, 21, 3] each.
        arm: Lengths of upper arm and forearm.
    """
    landmarks = np.zeros((len(head), 33, 3))
    landmarks[:, :11] = head[:, None] + head_height * _HEAD_POSE
    for side, hand in enumerate(hands):
        outwards = np.array([1.0 if side == 0 else -1.0, 1.0, 1.0])
        shoulder = np.broadcast_to([0.5 * outwards[0], 0.0, 0.0], (len(head), 3))
        landmarks[:, 11 + side] = shoulder
        landmarks[:, 13 + side] = elbow(shoulder, hand[:, 0], *arm)
        landmarks[:, [15 + side, 17 + side, 19 + side, 21 + side]] = hand[:, [0, 18, 6, 3]]
        landmarks[:, [23 + side, 25 + side, 27 + side]] = _LOWER_BODY * outwards
        landmarks[:, 29 + side] = landmarks[:, 27 + side] + [0.0, 0.12, 0.05]
        landmarks[:, 31 + side] = landmarks[:, 27 + side] + [0.0, 0.2, -0.35]
    return landmarks
