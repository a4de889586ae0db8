"""How well the signs of a stream are told: errors, false alarms, latency, over signers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated_streams import RATE, Stream

_DRAWS = 2000


@dataclass(frozen=True)
class Told:
    """A sign that a method tells: which, between which seconds, and when it is told."""

    sign: str
    start: float
    end: float
    at: float


def aligned(
    true: Sequence[str], told: Sequence[str]
) -> tuple[int, int, int, list[tuple[int, int]]]:
    """Returns insertions, deletions and substitutions of the edit distance, and pairs of equals.

    Example:
        >>> aligned(["a", "b", "c"], ["a", "x", "c", "d"])
        (1, 0, 1, [(0, 0), (2, 2)])
    """
    cost = np.zeros((len(true) + 1, len(told) + 1), int)
    cost[:, 0], cost[0] = np.arange(len(true) + 1), np.arange(len(told) + 1)
    for i, j in product(range(1, len(true) + 1), range(1, len(told) + 1)):
        change = cost[i - 1, j - 1] + (true[i - 1] != told[j - 1])
        cost[i, j] = min(change, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    i, j = len(true), len(told)
    inserted = deleted = substituted = 0
    pairs = []
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (true[i - 1] != told[j - 1]):
            i, j = i - 1, j - 1
            substituted += true[i] != told[j]
            pairs += [(i, j)] if true[i] == told[j] else []
        elif j and cost[i, j] == cost[i, j - 1] + 1:
            j, inserted = j - 1, inserted + 1
        else:
            i, deleted = i - 1, deleted + 1
    return inserted, deleted, substituted, pairs[::-1]


@dataclass(frozen=True)
class Counts:
    """How well a method does on a stream.

    Attributes:
        signs: Number of clips of known signs.
        errors: Insertions, deletions and substitutions.
        alarms: False alarms: events whose middle lies in no clip of a known sign.
        in_pauses: Those whose middle lies in no clip at all.
        minutes: How long the stream is.
        late: Seconds from the end of each sign that is recognized until it is told.
        late_before_pause: Those of signs that a pause follows.
    """

    signs: int
    errors: NDArray[np.int64]
    alarms: int
    in_pauses: int
    minutes: float
    late: list[float]
    late_before_pause: list[float]


def counted(stream: Stream, told: Sequence[Told], known: Sequence[str]) -> Counts:
    """Compares what a method tells of a stream with its signs."""
    true = [clip for clip in stream.clips if clip[2] in known]
    *errors, pairs = aligned([sign for *_, sign in true], [event.sign for event in told])
    middles = [(event.start + event.end) / 2 for event in told]
    alarms = sum(not any(start <= middle <= end for start, end, _ in true) for middle in middles)
    late = {true[i][1]: told[j].at - true[i][1] for i, j in pairs}
    starts = {start for start, *_ in stream.clips}
    return Counts(
        len(true),
        np.array(errors),
        alarms,
        sum(not any(start <= m <= end for start, end, _ in stream.clips) for m in middles),
        len(stream.frames) / RATE / 60,
        list(late.values()),
        [seconds for end, seconds in late.items() if end not in starts],
    )


MEASURES: dict[str, Callable[[Sequence[Counts]], float]] = {
    "sign error rate": lambda some: sum(c.errors.sum() for c in some) / sum(c.signs for c in some),
    "insertions": lambda some: sum(c.errors[0] for c in some) / sum(c.signs for c in some),
    "deletions": lambda some: sum(c.errors[1] for c in some) / sum(c.signs for c in some),
    "substitutions": lambda some: sum(c.errors[2] for c in some) / sum(c.signs for c in some),
    "false alarms a minute": lambda some: (
        sum(c.alarms for c in some) / sum(c.minutes for c in some)
    ),
    "of them in pauses": lambda some: sum(c.in_pauses for c in some) / sum(c.minutes for c in some),
    "latency, median": lambda some: float(np.median([s for c in some for s in c.late])),
    "latency, 95%": lambda some: float(np.quantile([s for c in some for s in c.late], 0.95)),
    "latency before a pause, median": lambda some: float(
        np.median([s for c in some for s in c.late_before_pause])
    ),
    "latency before a pause, 95%": lambda some: float(
        np.quantile([s for c in some for s in c.late_before_pause], 0.95)
    ),
}


def interval(signers: Sequence[Counts], others: Sequence[Counts], measure: str) -> str:
    """Returns a measure with its 95% interval over signers; as a difference where others are."""
    measured, rng = MEASURES[measure], np.random.default_rng(0)

    def value(rows: NDArray[np.int64]) -> float:
        of_others = measured([others[row] for row in rows]) if others else 0.0
        return measured([signers[row] for row in rows]) - of_others

    draws = [value(rng.integers(len(signers), size=len(signers))) for _ in range(_DRAWS)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{value(np.arange(len(signers))):.3f} ({low:.3f} to {high:.3f})"
