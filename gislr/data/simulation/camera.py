"""From the body in front of a camera to landmarks in an image, and which of them are found."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gislr.data.landmarks import GROUPS
from gislr.data.simulation.motion import drift
from gislr.data.simulation.signers import Signer

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

_PERSPECTIVE: Final = 0.12
"""How much larger something appears that is a shoulder width closer to the camera."""
_POSE_DEPTH: Final = 2.0
"""MediaPipe's depths of the pose are this much larger than those of hands and face."""
_NOISE: Final = {"face": 0.0012, "left_hand": 0.0035, "pose": 0.005, "right_hand": 0.0035}
"""Standard deviation of each landmark from frame to frame, as a fraction of the image."""
_SWAY: Final = 0.004
_SEAT: Final = 0.012
_DISTANCE: Final = 0.03
_PERIOD: Final = 80.0
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
    seat = signer.center + rng.normal(0.0, _SEAT, 2)
    scale = signer.scale * float(np.exp(rng.normal(0.0, _DISTANCE)))
    turned = scene @ Rotation.from_rotvec(signer.tilt).as_matrix().T
    closeness = 1 / (1 + _PERSPECTIVE * np.clip(turned[:, :, 2:], -2.0, 2.0))
    image = scale * turned
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


def found_signing_hand(
    middle: Float64, raised: Float64, missing: float, rng: np.random.Generator
) -> Bool:
    """Returns in which frames the signing hand is found: at least one, and none far out of view.

    Args:
        middle: float64 [frames, 2], the hand's middle in the image.
        raised: float64 [frames], 0 at rest, 1 in the sign.
        missing: Share of frames that are lost while signing.
        rng: Source of randomness.
    """
    in_view = (
        (middle[:, 1] < _LOWEST_IN_VIEW)
        & (middle[:, 0] > _SIDES_IN_VIEW[0])
        & (middle[:, 0] < _SIDES_IN_VIEW[1])
    )
    found = in_view & (raised > rng.uniform(0.2, 0.7))
    share = rng.uniform(0.4, 0.9) if rng.random() < _POOR_CLIPS else missing
    found &= ~gaps(len(middle), share, rng)
    if not found.any():
        found[int(np.argmax(raised))] = True
    return found


def found_resting_hand(signing: Bool, rng: np.random.Generator) -> Bool:
    """Returns in which frames the resting hand is found: never in half of the signing one's."""
    found = np.zeros_like(signing)
    if rng.random() < _OTHER_HAND_CLIPS:
        most = np.count_nonzero(signing) // 3
        start = rng.integers(len(found))
        found[start : start + int(rng.integers(most + 1))] = True
    return found


def found_face(frames: int, rng: np.random.Generator) -> Bool:
    """Returns in which frames the face is found: all but about 0.6%."""
    if rng.random() < _FACELESS_CLIPS:
        return np.zeros(frames, bool)
    return ~gaps(frames, _FACELESS_FRAMES, rng)


def gaps(frames: int, share: float, rng: np.random.Generator) -> Bool:
    """Draws short runs of frames that hold a share of them, below 1, on average."""
    lost = np.zeros(frames, bool)
    chance = -np.log1p(-share) / _MEAN_GAP
    for start in np.flatnonzero(rng.random(frames) < chance):
        lost[start : start + rng.geometric(1 / _MEAN_GAP)] = True
    return lost


def frame_numbers(frames: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Numbers frames as the raw files do: never from 0, with single frames left out."""
    steps = 1 + (rng.random(frames) < 0.01)
    steps[0] = rng.integers(1, 120)
    return np.cumsum(steps).astype(np.int16)
