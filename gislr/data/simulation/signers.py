"""What a signer is: body, camera, pace, and a manner of signing that nobody else shares.

The manner is what makes signers that were never seen harder than clips that were never seen. It
has three layers: habits that go through all of a signer's signs, an own version of each sign, and
now and then a version in which one parameter of the sign is another one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gislr.data.simulation.hand import SHAPE_SIZE
from gislr.data.simulation.signs import PLACES, SIGNS, Sign

Float64 = NDArray[np.float64]

LEFT_HANDED_SHARE: Final = 0.125

# Standard deviations of habits (all signs of a signer) and of versions (one sign of a signer):
# places in shoulder widths, orientations in radians, hand shapes in flexion.
_HABIT_PLACE: Final = 0.08
_HABIT_ORIENTATION: Final = 0.22
_HABIT_SHAPE: Final = 0.09
_VERSION_PLACE: Final = 0.10
_VERSION_ORIENTATION: Final = 0.26
_VERSION_SHAPE: Final = 0.12
_REPLACED_SHARE: Final = 0.12
"""Share of the versions in which one parameter of the sign is another one."""

_COHORT_STREAM, _SIGNER_STREAM, _VERSION_STREAM = 1, 2, 3


@dataclass(frozen=True)
class Signer:
    """Body, camera and habits of one signer; lengths in shoulder widths unless noted."""

    number: int  # from 0
    left_handed: bool  # whether all signs are mirrored
    pace: float  # standard normal; the larger, the longer the clips
    scale: float  # width of the shoulders, a share of the image's width
    aspect: float  # width of the image by its height
    center: Float64  # middle of the shoulders in the image, [2]
    tilt: Float64  # rotation of the body against the camera, a rotation vector
    head_height: float  # from forehead to chin
    neck: float  # from the shoulders up to the middle of the face
    palm: float  # from the wrist to the middle finger's knuckle
    arm: tuple[float, float]  # lengths of upper arm and forearm
    rest: Float64  # where the right hand rests, [3]
    amplitude: float  # size of the movements, 1 on average
    mouthing: float  # how clearly the mouth moves, 0 to about 1
    tremor: float  # standard deviation of the hand's slow unrest
    carelessness: float  # standard deviation of places between clips of the same sign
    missing: float  # share of frames in which the signing hand is not found while signing
    place: Float64  # habit that is added to every place, [3]
    orientation: Float64  # habit, a rotation vector
    shape: Float64  # habit that is added to every hand shape, [10]


@dataclass(frozen=True)
class Version:
    """One signer's version of one sign."""

    sign: Sign  # maybe with one parameter replaced
    place: Float64  # added to the place, [3], shoulder widths
    orientation: Float64  # a rotation vector
    shape: Float64  # added to the hand shape, [10]
    amplitude: float  # size of the movement, 1 on average


def draw_signers(count: int, seed: int) -> list[Signer]:
    """Draws a cohort; handedness and pace are spread over it evenly rather than by chance."""
    from scipy.special import ndtri

    cohort = np.random.default_rng([seed, _COHORT_STREAM])
    left_handed = cohort.permutation(count) < round(LEFT_HANDED_SHARE * count)
    pace = ndtri((cohort.permutation(count) + 0.5) / count)
    return [
        _draw_signer(number, bool(left_handed[number]), float(pace[number]), seed)
        for number in range(count)
    ]


def _draw_signer(number: int, left_handed: bool, pace: float, seed: int) -> Signer:
    rng = np.random.default_rng([seed, _SIGNER_STREAM, number])
    manner = np.exp(rng.normal(0.0, 0.3))
    build = np.exp(rng.normal(0.0, 0.06))
    return Signer(
        number=number,
        left_handed=left_handed,
        pace=pace,
        scale=float(0.52 * np.exp(rng.normal(0.0, 0.13))),
        aspect=float(rng.choice([0.5625, 0.75, 0.75, 0.8])),
        center=np.array([rng.normal(0.48, 0.035), rng.normal(0.60, 0.04)]),
        tilt=rng.normal(0.0, [0.05, 0.16, 0.04]),
        head_height=float(0.66 * build * np.exp(rng.normal(0.0, 0.05))),
        neck=float(0.55 * np.exp(rng.normal(0.0, 0.06))),
        palm=float(0.31 * np.exp(rng.normal(0.0, 0.08))),
        arm=(float(0.75 * build), float(0.68 * build)),
        rest=np.array([-0.45, 1.25, -0.25]) + rng.normal(0.0, [0.12, 0.1, 0.05]),
        amplitude=float(np.exp(rng.normal(0.0, 0.2))),
        mouthing=float(rng.beta(2.5, 1.5)),
        tremor=float(0.012 * np.exp(rng.normal(0.0, 0.4))),
        carelessness=float(0.04 * np.exp(rng.normal(0.0, 0.3))),
        missing=float(rng.beta(1.5, 15.0)),
        place=manner * rng.normal(0.0, _HABIT_PLACE, 3),
        orientation=manner * rng.normal(0.0, _HABIT_ORIENTATION, 3),
        shape=manner * rng.normal(0.0, _HABIT_SHAPE, SHAPE_SIZE),
    )


def draw_version(signer: Signer, sign: Sign, seed: int) -> Version:
    """Draws a signer's version of a sign; the same one for each of their clips."""
    rng = np.random.default_rng([seed, _VERSION_STREAM, signer.number, SIGNS.index(sign)])
    return Version(
        sign=_replace_parameter(sign, rng) if rng.random() < _REPLACED_SHARE else sign,
        place=rng.normal(0.0, _VERSION_PLACE, 3),
        orientation=rng.normal(0.0, _VERSION_ORIENTATION, 3),
        shape=rng.normal(0.0, _VERSION_SHAPE, SHAPE_SIZE),
        amplitude=float(np.exp(rng.normal(0.0, 0.2))),
    )


def _replace_parameter(sign: Sign, rng: np.random.Generator) -> Sign:
    """Gives the sign another place, hand shape, path or orientation, taken from another sign."""
    other = SIGNS[rng.integers(len(SIGNS))]
    match rng.integers(4):
        case 0 if PLACES[other.place].on_head == PLACES[sign.place].on_head:
            return replace(sign, place=other.place)
        case 1:
            return replace(sign, shape=other.shape, last_shape=other.last_shape)
        case 2:
            return replace(sign, path=other.path)
        case _:
            return replace(sign, orientation=other.orientation)
