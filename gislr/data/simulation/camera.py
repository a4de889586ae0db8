"""From the body in front of a camera to landmarks in an image."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gislr.data.landmarks import GROUPS
from gislr.data.simulation.motion import drift
from gislr.data.simulation.signers import Signer

Float64 = NDArray[np.float64]

_PERSPECTIVE: Final = 0.12
"""How much larger something appears that is a shoulder width closer to the camera."""
_POSE_DEPTH: Final = 2.0
"""MediaPipe's depths of the pose are this much larger than those of hands and face."""
_NOISE: Final = {"face": 0.0012, "left_hand": 0.0035, "pose": 0.005, "right_hand": 0.0035}
"""Standard deviation of each landmark from frame to frame, in shares of the image."""
_SWAY: Final = 0.004
_SEAT: Final = 0.012
_DISTANCE: Final = 0.03
_PERIOD: Final = 80.0


def photograph(scene: Float64, signer: Signer, rng: np.random.Generator) -> Float64:
    """Projects a scene into the image of a signer's camera.

    Args:
        scene: float64 [frames, 543, 3], shoulder widths: right, down, away from the camera.
        signer: Whose camera, and who never sits at quite the same spot.
        rng: Source of randomness.

    Returns:
        float64 [frames, 543, 3]: x by the image's width, y by its height, and z by its width
        counted from where MediaPipe counts it: the wrist of each hand, the hips, the face's middle.
    """
    seat = signer.centre + rng.normal(0.0, _SEAT, 2)
    scale = signer.scale * float(np.exp(rng.normal(0.0, _DISTANCE)))
    turned: Float64 = scene @ Rotation.from_rotvec(signer.tilt).as_matrix().T
    closeness = 1 / (1 + _PERSPECTIVE * np.clip(turned[:, :, 2:], -2.0, 2.0))
    image: Float64 = scale * turned
    image[:, :, :2] *= closeness * [1.0, signer.aspect]
    image[:, :, :2] += seat + drift(len(scene), _SWAY, _PERIOD, rng)[:, None, :2]
    _count_depths(image)
    for name, (start, size) in GROUPS.items():
        image[:, start : start + size] += _NOISE[name] * rng.normal(size=(len(scene), size, 3))
    return image


def _count_depths(image: Float64) -> None:
    for name, (start, size) in GROUPS.items():
        depth = image[:, start : start + size, 2]
        match name:
            case "face":
                depth -= 0.5 * (depth.min(axis=1) + depth.max(axis=1))[:, None]
            case "pose":
                depth -= depth[:, 23:25].mean(axis=1, keepdims=True)
                depth *= _POSE_DEPTH
            case _:
                depth -= depth[:, :1].copy()
