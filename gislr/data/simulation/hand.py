"""The 21 joints of a hand from the flexion of its fingers."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

# Coordinates of the right hand: towards the thumb's side, along the fingers, out of the palm;
# the unit is the length from the wrist to the middle finger's knuckle.
_KNUCKLES: Final = np.array([[0.26, 0.96], [0.0, 1.0], [-0.2, 0.93], [-0.38, 0.8]])
_SEGMENTS: Final = np.array(
    [[0.46, 0.27, 0.22], [0.51, 0.31, 0.23], [0.47, 0.30, 0.23], [0.37, 0.22, 0.20]]
)
_FAN: Final = np.array([0.28, 0.02, -0.22, -0.48])
"""Sideways angle of each finger, radians, when the hand is fully spread."""
_BENDS: Final = np.array([1.5, 1.75, 1.2])
"""Angle of each joint of a finger, radians, when it is fully bent."""
_THUMB_BASE: Final = np.array([0.25, 0.22, 0.08])
_THUMB_SEGMENTS: Final = np.array([0.36, 0.32, 0.26])
_THUMB_OUT: Final = np.array([[0.85, 0.5, 0.15], [0.8, 0.6, 0.05], [0.75, 0.65, 0.0]])
_THUMB_ACROSS: Final = np.array([[0.35, 0.8, 0.45], [-0.15, 0.8, 0.55], [-0.7, 0.6, 0.35]])

JOINTS: Final = 21
SHAPE_SIZE: Final = 10
"""Length of a hand shape as a vector."""


def hand_joints(shapes: Float64) -> Float64:
    """Places the joints of right hands.

    Args:
        shapes: float64 [frames, 10], hand shapes as vectors; values are clipped to 0 to 1.

    Returns:
        float64 [frames, 21, 3] in MediaPipe's order, the wrist at the origin: towards the thumb's
        side, along the fingers, out of the palm, in lengths of the palm.
    """
    shapes = np.clip(shapes, 0.0, 1.0)
    frames = len(shapes)
    joints = np.zeros((frames, JOINTS, 3))
    joints[:, 1:5] = _thumb(shapes[:, 9])
    knuckles, fingers = shapes[:, 0:4], shapes[:, 4:8]
    bends = np.stack([knuckles, fingers, fingers], axis=2) * _BENDS
    angles = np.cumsum(bends, axis=2)
    along = np.cumsum(np.cos(angles) * _SEGMENTS, axis=2)
    out = np.cumsum(np.sin(angles) * _SEGMENTS, axis=2)
    sideways = shapes[:, 8:9, None] * _FAN[:, None] * (1 - knuckles[:, :, None])
    chains = joints[:, 5:].reshape(frames, 4, 4, 3)
    chains[:, :, 0, :2] = _KNUCKLES
    chains[:, :, 1:, 0] = _KNUCKLES[:, :1] + np.sin(sideways) * along
    chains[:, :, 1:, 1] = _KNUCKLES[:, 1:] + np.cos(sideways) * along
    chains[:, :, 1:, 2] = out
    return joints


def _thumb(stretched: Float64) -> Float64:
    """Returns the four joints of the thumb, float64 [frames, 4, 3]."""
    weight = stretched[:, None, None]
    directions = weight * _THUMB_OUT + (1 - weight) * _THUMB_ACROSS
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    thumb = np.zeros((len(stretched), 4, 3))
    thumb[:, 1:] = np.cumsum(directions * _THUMB_SEGMENTS[:, None], axis=1)
    thumb += _THUMB_BASE
    return thumb
