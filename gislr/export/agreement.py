"""Measures an exported file against the Keras model that it comes from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LANDMARKS_PER_FRAME, RIGHT_HAND
from gislr.inference import Recognizer
from gislr.utils.errors import GislrError

Float32 = NDArray[np.float32]

LARGEST_DIFFERENCE = 1e-4
"""Of a probability in float32; more means that file and model compute something else."""

TIMED_FRAMES = (20, 400)
_REPETITIONS = 30


@dataclass(frozen=True)
class Agreement:
    """How an exported file compares with Keras.

    Attributes:
        file: The file's name.
        megabytes: Its size.
        clips: How many clips were compared.
        same_sign: How many of them have the same most_likely sign.
        largest_difference: Of any probability.
        accuracy_lost: Against Keras, a share of the clips whose sign the model knows; negative
            where the file is right more often.
        milliseconds: A clip's median time on one core, by its number of frames.
    """

    file: str
    megabytes: float
    clips: int
    same_sign: int
    largest_difference: float
    accuracy_lost: float
    milliseconds: dict[int, float]


def compare(
    recognizer: Recognizer,
    clips: Sequence[Float32],
    labels: NDArray[np.int32],
    expected: Float32,
    *,
    file: str,
    size: int,
) -> Agreement:
    """Compares a file with Keras, clip by clip, and times it.

    Args:
        recognizer: What runs the file, on one core.
        clips: float32 [frames, 543, 3] each.
        labels: int32 [clips], the sign that each shows; -1 for one that the model does not know.
        expected: float32 [clips, signs], the probabilities of Keras.
        file: The file's name.
        size: Its size in bytes.
    """
    found = recognizer.probabilities(clips)
    now, before = found.argmax(axis=1), expected.argmax(axis=1)
    known = labels >= 0
    lost = (before == labels)[known].sum() - (now == labels)[known].sum()
    return Agreement(
        file=file,
        megabytes=size / 1e6,
        clips=len(clips),
        same_sign=int((now == before).sum()),
        largest_difference=float(np.abs(found - expected).max()),
        accuracy_lost=float(lost / max(1, known.sum())),
        milliseconds={frames: milliseconds(recognizer, frames) for frames in TIMED_FRAMES},
    )


def milliseconds(recognizer: Recognizer, frames: int) -> float:
    """Returns the median time of recognizing one clip."""
    clip = np.random.default_rng(0).random((frames, LANDMARKS_PER_FRAME, 3), np.float32)
    clip[:, RIGHT_HAND] = np.nan
    times = []
    for _ in range(_REPETITIONS):
        start = time.perf_counter()
        recognizer.probabilities([clip])
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1000


def require_agreement(agreement: Agreement) -> None:
    """Refuses a file of float32 weights that does not compute what Keras does.

    Raises:
        GislrError: A probability differs by more than `LARGEST_DIFFERENCE`.
    """
    if not agreement.largest_difference <= LARGEST_DIFFERENCE:
        raise GislrError(
            f"{agreement.file} must give the probabilities of Keras to {LARGEST_DIFFERENCE:g}, but "
            f"differs by {agreement.largest_difference:g}; nothing was written. Tell gislr's "
            "authors which model it was."
        )


def table(agreements: Sequence[Agreement]) -> str:
    """Returns the comparisons as lines for the terminal."""
    times = "".join(f"{f'ms at {frames}':>11}" for frames in TIMED_FRAMES)
    lines = [f"{'':<22}{'MB':>6}{'same sign':>13}{'difference':>12}{'points lost':>13}{times}"]
    for found in agreements:
        same = f"{found.same_sign}/{found.clips}"
        timed = "".join(f"{value:>11.2f}" for value in found.milliseconds.values())
        lines.append(
            f"{found.file:<22}{found.megabytes:>6.1f}{same:>13}{found.largest_difference:>12.1e}"
            f"{100 * found.accuracy_lost:>13.2f}{timed}"
        )
    return "\n".join(lines)
