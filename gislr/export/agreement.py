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
        same_sign: For how many of them the most likely sign is the same.
        largest_difference: Of any probability.
        accuracy_drop: Against Keras, a share of the clips whose sign the model knows; negative
            where the file is right more often.
        milliseconds: A clip's median time on one core, by its number of frames.
    """

    file: str
    megabytes: float
    clips: int
    same_sign: int
    largest_difference: float
    accuracy_drop: float
    milliseconds: dict[int, float]


def compare(
    recognizer: Recognizer,
    clips: Sequence[Float32],
    labels: NDArray[np.int32],
    expected: Float32,
    *,
    file: str,
    size: int,
    exact: bool,
) -> Agreement:
    """Compares a file with Keras, clip by clip, and times it.

    Args:
        recognizer: Runs the file, on one core.
        clips: float32 [frames, 543, 3] each.
        labels: int32 [clips], the sign of each; -1 for one that the model does not know.
        expected: float32 [clips, signs], the probabilities of Keras.
        file: The file's name.
        size: Its size in bytes.
        exact: Whether it must give the probabilities of Keras, as float32 weights do.

    Raises:
        GislrError: It must, but a probability differs by more than `LARGEST_DIFFERENCE`.
    """
    probabilities = recognizer.probabilities(clips)
    difference = float(np.abs(probabilities - expected).max())
    if exact and not difference <= LARGEST_DIFFERENCE:
        raise GislrError(
            f"{file} must give the probabilities of Keras to {LARGEST_DIFFERENCE:g}, but differs "
            f"by {difference:g}; nothing was written. Report the model to gislr's authors."
        )
    predicted, by_keras = probabilities.argmax(axis=1), expected.argmax(axis=1)
    known = labels >= 0
    drop = (by_keras == labels)[known].sum() - (predicted == labels)[known].sum()
    return Agreement(
        file=file,
        megabytes=size / 1e6,
        clips=len(clips),
        same_sign=int((predicted == by_keras).sum()),
        largest_difference=difference,
        accuracy_drop=float(drop / max(1, known.sum())),
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


def table(agreements: Sequence[Agreement]) -> str:
    """Returns the comparisons as lines for the terminal."""
    times = "".join(f"{f'ms at {frames}':>11}" for frames in TIMED_FRAMES)
    lines = [f"{'':<22}{'MB':>6}{'same sign':>13}{'difference':>12}{'accuracy drop':>15}{times}"]
    for each in agreements:
        same = f"{each.same_sign}/{each.clips}"
        timed = "".join(f"{value:>11.2f}" for value in each.milliseconds.values())
        lines.append(
            f"{each.file:<22}{each.megabytes:>6.1f}{same:>13}{each.largest_difference:>12.1e}"
            f"{each.accuracy_drop:>15.2%}{timed}"
        )
    return "\n".join(lines)
