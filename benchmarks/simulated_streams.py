"""Simulated streams of real clips: the clips of each signer in a row, with pauses between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LEFT_ARM, LEFT_HAND, RIGHT_ARM, RIGHT_HAND
from gislr.data.listing import Listing

Float32 = NDArray[np.float32]

RATE = 30
HANDS = np.concatenate([LEFT_HAND, RIGHT_HAND])
_MOST_CLIPS = 40
_PAUSE, _PAUSED = (15, 60), 0.8
_REST_FRAMES = 5


@dataclass(frozen=True)
class Stream:
    """A signer's clips in a row.

    Attributes:
        signer: The signer.
        frames: float32 [frames, 543, 3].
        clips: When each clip begins and ends, in seconds, and its sign.
    """

    signer: str
    frames: Float32
    clips: list[tuple[float, float, str]]


def streams_of(listing: Listing, signers: Sequence[str], seed: int) -> list[Stream]:
    """Joins the clips of each signer; a signer without frames of rest gets those of others."""
    rng = np.random.default_rng(seed)
    by_signer = {
        signer: [
            (listing.signs[listing.labels[row]], listing.read(row))
            for row in rng.permutation(np.flatnonzero(np.array(listing.signers) == signer))
        ]
        for signer in signers
    }
    rests = {s: [r for _, clip in clips for r in _rests(clip)] for s, clips in by_signer.items()}
    everyone = [rest for found in rests.values() for rest in found]
    return [
        _joined(signer, clips[:_MOST_CLIPS], rests[signer] or everyone, rng)
        for signer, clips in by_signer.items()
    ]


def _rests(clip: Float32) -> list[Float32]:
    found = np.isfinite(clip[:, HANDS, 0]).any(axis=1)
    # The arm's first landmark is its elbow, the second one its wrist.
    low = [clip[:, arm[1], 1] > clip[:, arm[0], 1] for arm in (LEFT_ARM, RIGHT_ARM)]
    down = np.concatenate([[False], ~found & low[0] & low[1], [False]])
    edges = np.flatnonzero(np.diff(down)).reshape(-1, 2)
    return [clip[start:stop] for start, stop in edges if stop - start >= _REST_FRAMES]


def _joined(
    signer: str,
    clips: list[tuple[str, Float32]],
    rests: list[Float32],
    rng: np.random.Generator,
) -> Stream:
    parts, told, at = [], [], 0
    for sign, clip in [*clips, ("", clips[0][1][:0])]:
        if rng.random() < _PAUSED or not at or not sign:
            rest = rests[rng.integers(len(rests))]
            # Back and forth, so that nothing jumps.
            order = np.r_[: len(rest), len(rest) - 2 : 0 : -1]
            pause = rest[np.resize(order, rng.integers(*_PAUSE))]
            parts.append(pause)
            at += len(pause)
        if sign:
            told.append((at / RATE, (at + len(clip)) / RATE, sign))
        parts.append(clip)
        at += len(clip)
    return Stream(signer, np.concatenate(parts), told)
