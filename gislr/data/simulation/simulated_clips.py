"""One clip: a signer's version of a sign, in front of their camera, as MediaPipe finds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gislr.data.landmarks import GROUPS, LEFT_HAND, RIGHT_HAND
from gislr.data.simulation import body, camera
from gislr.data.simulation.hand import SHAPE_SIZE, hand_joints
from gislr.data.simulation.motion import (
    Timeline,
    clip_length,
    drift,
    path,
    timeline,
    turn_angles,
)
from gislr.data.simulation.signers import Signer, Version
from gislr.data.simulation.signs import HAND_SHAPES, MOUTHS, PLACES, RELAXED, orientation_matrix

Float64 = NDArray[np.float64]

_STEPS: Final = 16384
"""Landmarks are rounded to this part of the image: far below their noise, and small on disk."""

_MIRROR: Final = np.array([-1.0, 1.0, 1.0])
_PACE_WEIGHT: Final = 0.35
"""How much of a clip's length is its signer's; the rest is chance."""
_CLIP_ORIENTATION: Final = 0.10
_CLIP_SHAPE: Final = 0.05
_CLIP_AMPLITUDE: Final = 0.15
_HEAD_SWAY: Final = 0.02
_SWAY_PERIOD: Final = 70.0
_TREMOR_PERIOD: Final = 12.0
_LONGEST_REACH: Final = 0.98


@dataclass(frozen=True)
class SimulatedClip:
    """One clip as a raw file holds it."""

    frames: NDArray[np.int16]  # [frames], rising numbers
    landmarks: Float64  # [frames, 543, 3], image coordinates; NaN for missing landmarks


def simulate_clip(
    signer: Signer, version: Version, rng: np.random.Generator, *, hands_found: bool = True
) -> SimulatedClip:
    """Simulates one clip.

    Args:
        signer: Who signs.
        version: Their version of the sign.
        rng: Decides on everything that differs between clips of the same sign and signer.
        hands_found: Whether any hand is found at all.
    """
    from scipy.special import ndtr

    chance = (1 - _PACE_WEIGHT**2) ** 0.5 * rng.normal()
    length = clip_length(ndtr(_PACE_WEIGHT * signer.pace + chance))
    time = timeline(length, rng)
    head = np.array([0.0, -signer.neck, -0.05]) + drift(length, _HEAD_SWAY, _SWAY_PERIOD, rng)
    signing = _signing_hand(signer, version, time, head, rng)
    resting = _resting_hand(signer, length, rng)
    # Both were placed as right hands.
    hands = (signing * _MIRROR, resting) if signer.left_handed else (resting * _MIRROR, signing)
    faces = head[:, None] + signer.head_height * body.face(_mouth(signer, version, time, rng))
    poses = body.pose(head, signer.head_height, hands, signer.arm)
    scene = np.concatenate([faces, hands[0], poses, hands[1]], axis=1)
    image = camera.photograph(scene, signer, rng)
    _remove_undetected(image, signer, time, rng, hands_found=hands_found)
    return SimulatedClip(camera.frame_numbers(length, rng), np.round(image * _STEPS) * (1 / _STEPS))


def _signing_hand(
    signer: Signer, version: Version, time: Timeline, head: Float64, rng: np.random.Generator
) -> Float64:
    """Returns the signing hand of a right-handed signer, float64 [frames, 21, 3]."""
    raised = time.raised[:, None]
    local = signer.palm * hand_joints(_shapes(signer, version, time, rng))
    rotation = _orientations(signer, version, time, rng).as_matrix()
    joints = np.einsum("fij,fkj->fki", rotation, local)
    place = PLACES[version.sign.place]
    middle = np.array(place.position)
    middle = (
        head + signer.head_height * middle if place.on_head else np.tile(middle, (len(head), 1))
    )
    amplitude = signer.amplitude * version.amplitude * np.exp(rng.normal(0.0, _CLIP_AMPLITUDE))
    middle = middle + amplitude * path(version.sign.path, time.phase)
    middle += signer.place + version.place + rng.normal(0.0, signer.carelessness, 3)
    middle = raised * middle + (1 - raised) * signer.rest
    middle += drift(len(head), signer.tremor, _TREMOR_PERIOD, rng)
    joints += (middle - joints.mean(axis=1))[:, None]
    return _within_reach(joints, signer)


def _within_reach(joints: Float64, signer: Signer) -> Float64:
    shoulder = np.array([-0.5, 0.0, 0.0])
    arm = joints[:, 0] - shoulder
    distance = np.linalg.norm(arm, axis=1, keepdims=True)
    excess = np.clip(distance - _LONGEST_REACH * sum(signer.arm), 0.0, None)
    return joints - (arm / distance * excess)[:, None]


def _shapes(signer: Signer, version: Version, time: Timeline, rng: np.random.Generator) -> Float64:
    """Returns hand shapes as vectors, float64 [frames, 10]."""
    sign = version.sign
    first, last = HAND_SHAPES[sign.shape], HAND_SHAPES[sign.last_shape or sign.shape]
    closing = (0.5 - 0.5 * np.cos(4 * np.pi * time.phase))[:, None]
    manner = signer.shape + version.shape + rng.normal(0.0, _CLIP_SHAPE, SHAPE_SIZE)
    signed = np.clip((1 - closing) * first + closing * last + manner, 0.0, 1.0)
    raised = time.raised[:, None]
    return raised * signed + (1 - raised) * RELAXED


def _orientations(
    signer: Signer, version: Version, time: Timeline, rng: np.random.Generator
) -> Rotation:
    """Returns one rotation a frame, from the resting hand's into the sign's and back."""
    manner = (
        Rotation.from_rotvec(signer.orientation)
        * Rotation.from_rotvec(version.orientation)
        * Rotation.from_rotvec(rng.normal(0.0, _CLIP_ORIENTATION, 3))
    )
    sign = Rotation.from_matrix(orientation_matrix(version.sign.orientation))
    turn = Rotation.from_rotvec(turn_angles(version.sign.turn, time.phase))
    rest = Rotation.from_matrix(orientation_matrix("down, across"))
    raising = (rest.inv() * manner * sign * turn).as_rotvec()
    return rest * Rotation.from_rotvec(time.raised[:, None] * raising)


def _resting_hand(signer: Signer, frames: int, rng: np.random.Generator) -> Float64:
    """Returns a right hand at rest, float64 [frames, 21, 3]."""
    shape = np.tile(RELAXED + signer.shape, (frames, 1))
    joints = signer.palm * hand_joints(shape) @ orientation_matrix("down, across").T
    middle = signer.rest + drift(frames, signer.tremor, _TREMOR_PERIOD, rng)
    return joints + (middle - joints.mean(axis=1))[:, None]


def _mouth(signer: Signer, version: Version, time: Timeline, rng: np.random.Generator) -> Float64:
    """Returns how far the mouth is opened, rounded and stretched, float64 [frames, 3]."""
    clearness = signer.mouthing * rng.uniform(0.5, 1.1)
    unrest = 0.04 * np.abs(rng.normal(size=3)) + drift(len(time.raised), 0.02, 30.0, rng)
    mouth = clearness * time.raised[:, None] * np.array(MOUTHS[version.sign.mouth])
    return np.clip(mouth + unrest, 0.0, 1.2)


def _remove_undetected(
    image: Float64,
    signer: Signer,
    time: Timeline,
    rng: np.random.Generator,
    *,
    hands_found: bool,
) -> None:
    """Sets what is not found to NaN, in place."""
    signing, resting = (LEFT_HAND, RIGHT_HAND) if signer.left_handed else (RIGHT_HAND, LEFT_HAND)
    middle = image[:, signing, :2].mean(axis=1)
    found = camera.found_signing_hand(middle, time.raised, signer.missing, rng)
    found &= hands_found
    image[np.ix_(~found, signing)] = np.nan
    image[np.ix_(~camera.found_resting_hand(found, rng) | (not hands_found), resting)] = np.nan
    image[~camera.found_face(len(image), rng), : GROUPS["face"][1]] = np.nan
