"""Signs found in simulated streams of real clips: errors, false alarms and latency.

    python -m benchmarks.streams DIR --runs RUN ... --choose RUN [--settings look_seconds=0.1 ...]

DIR is a folder in the asl-signs layout, whose clips count as made at 30 frames a second. Each run
was trained on another fold of its signers, best without some of its signs. The clips of each signer
that the run holds out are joined in random order, those of signs that the run does not know among
them. Before four of five clips is a pause of half a second to two seconds, of real frames in which
no hand is found and both wrists of the pose are below the elbows.

`StreamRecognizer` is compared with a sliding window, which tells its most likely sign when it
differs from the last one told. What the window has to choose comes from the run `--choose`, as do
the temperature and the threshold of both: its held-out signers are none of those reported. Of
clips whose ends are known, each is recognized by itself.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated_streams import HANDS, RATE, Stream, streams_of
from benchmarks.stream_scores import MEASURES, Counts, Told, counted, interval
from gislr.config.tracking_settings import TrackingSettings
from gislr.data.kaggle_folder import read_asl_signs
from gislr.inference.keras_recognizer import KerasRecognizer
from gislr.inference.logged_models import trained_model
from gislr.inference.recognizer import Recognizer, most_likely
from gislr.inference.streaming import StreamRecognizer, StreamSettings
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.run_search import find_run

Float32 = NDArray[np.float32]

_HOP = 6
WINDOWS, AGREEING = (15, 20, 30), (1, 2, 3, 4)
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""What the sliding window has to choose: frames, least probability, how many agree in a row."""


def told_by_recognizer(
    recognizer: Recognizer, stream: Stream, settings: StreamSettings, every: int = 1
) -> list[Told]:
    """Returns what `StreamRecognizer` is sure of when it gets one of every so many frames."""
    recognizing, told = StreamRecognizer(recognizer, settings), []
    for k in range(0, len(stream.frames), every):
        for event in recognizing.push(stream.frames[k], k / RATE):
            if event.sure:
                told.append(Told(event.signs[0], event.start, event.end, k / RATE))
    return told


@dataclass(frozen=True)
class Window:
    """A sliding window: its frames, its least probability, how many in a row must agree."""

    frames: int
    threshold: float
    agreeing: int


def told_by_window(
    window: Window, signs: Sequence[str], found: Float32, has_hand: NDArray[np.bool_]
) -> list[Told]:
    """Returns what a sliding window tells, from the probabilities of each of its places."""
    told: list[Told] = []
    last, row, same = "", "", 0
    for place, (probabilities, hand) in enumerate(zip(found, has_hand, strict=True)):
        sure = hand and probabilities.max() >= window.threshold
        sign = signs[int(probabilities.argmax())] if sure else ""
        row, same = sign, same + 1 if sign == row else 1
        if not hand:
            last = ""
        elif sign and sign != last and same >= window.agreeing:
            last = sign
            end = (place * _HOP + window.frames - 1) / RATE
            told.append(Told(sign, place * _HOP / RATE, end, end))
    return told


def windows(
    recognizer: Recognizer, stream: Stream, frames: int
) -> tuple[Float32, NDArray[np.bool_]]:
    """Returns the probabilities of the window's places, [places, signs], and which have a hand."""
    places = [
        stream.frames[start : start + frames]
        for start in range(0, len(stream.frames) - frames + 1, _HOP)
    ]
    hand = [bool(np.isfinite(place[:, HANDS, 0]).any()) for place in places]
    return recognizer.probabilities(places), np.array(hand)


def opened(run: LoggedRun, chosen: LoggedRun, threshold: float | None = None) -> KerasRecognizer:
    """Returns a run's recognizer with the temperature and threshold of another one."""
    of_chosen = trained_model(chosen)
    if threshold is None:
        threshold = of_chosen.rejection_threshold
    return KerasRecognizer(
        [
            replace(
                trained_model(run),
                temperature=of_chosen.temperature,
                rejection_threshold=threshold,
            )
        ]
    )


def best_window(recognizer: Recognizer, streams: Sequence[Stream]) -> Window:
    """Returns the window with the lowest sign error rate."""
    rates = {}
    for frames in WINDOWS:
        found = [windows(recognizer, stream, frames) for stream in streams]
        for threshold, agreeing in product(THRESHOLDS, AGREEING):
            window = Window(frames, threshold, agreeing)
            told = [told_by_window(window, recognizer.signs, *each) for each in found]
            pairs = zip(streams, told, strict=True)
            some = [counted(stream, each, recognizer.signs) for stream, each in pairs]
            rates[window] = MEASURES["sign error rate"](some)
    return min(rates, key=rates.__getitem__)


def told_of_clips(recognizer: Recognizer, stream: Stream) -> list[Told]:
    """Returns what is recognized when the ends of every clip are known."""
    spans = [(round(start * RATE), round(end * RATE)) for start, end, _ in stream.clips]
    found = most_likely(recognizer, [stream.frames[start:end] for start, end in spans])
    pairs = zip(stream.clips, found, strict=True)
    return [Told(each.signs[0], start, end, end) for (start, end, _), each in pairs if each.sure]


def main() -> None:
    """Prints a line for each measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--runs", nargs="+", required=True)
    parser.add_argument("--choose", required=True)
    parser.add_argument("--threshold", type=float, help="instead of that of --choose")
    parser.add_argument("--settings", nargs="*", default=[], help="of `StreamSettings`, KEY=VALUE")
    parser.add_argument("--uri")
    arguments = parser.parse_args()
    given = (setting.split("=") for setting in arguments.settings)
    settings = StreamSettings(**{key: float(value) for key, value in given})
    tracking = TrackingSettings(uri=arguments.uri, experiment="gislr", run_name=None)
    listing = read_asl_signs(arguments.root)
    chosen = find_run(tracking, arguments.choose)
    window = best_window(
        opened(chosen, chosen), streams_of(listing, chosen.held_out().groups, seed=0)
    )
    print(window, flush=True)
    results: dict[str, list[Counts]] = defaultdict(list)
    for name in arguments.runs:
        run = find_run(tracking, name)
        if set(run.held_out().groups) & set(chosen.held_out().groups):
            parser.error("--choose must hold out other signers than --runs.")
        recognizer = opened(run, chosen, arguments.threshold)
        for stream in streams_of(listing, run.held_out().groups, seed=0):
            found = windows(recognizer, stream, window.frames)
            told = {
                "stream": told_by_recognizer(recognizer, stream, settings),
                "window": told_by_window(window, recognizer.signs, *found),
                "known ends": told_of_clips(recognizer, stream),
                "stream at 10 a second": told_by_recognizer(
                    recognizer, stream, settings, RATE // 10
                ),
            }
            for method, events in told.items():
                results[method].append(counted(stream, events, recognizer.signs))
    some = results["stream"]
    print(f"{len(some)} signers, {sum(c.signs for c in some)} signs of {len(arguments.runs)} runs")
    print(f"| | {' | '.join(results)} | stream against window |")
    for measure in MEASURES:
        values = [interval(counts, [], measure) for counts in results.values()]
        difference = interval(results["stream"], results["window"], measure)
        print(f"| {measure} | {' | '.join(values)} | {difference} |", flush=True)


if __name__ == "__main__":
    main()
