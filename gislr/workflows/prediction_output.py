"""Writes predictions as text, JSON lines, a table or subtitles, each as soon as it is there."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from gislr.inference import Prediction, SignEvent
from gislr.inference.recognizer import TOP
from gislr.utils.log import printable
from gislr.utils.spreadsheet import cell

Predictions = Iterable[tuple[Path, Prediction]]


def write_text(predictions: Predictions, output: TextIO) -> None:
    """Writes one line for each clip, and for each sign of a stream when it was made."""
    for file, found in predictions:
        pairs = list(zip(found.signs, found.probabilities, strict=True))
        times = ""
        if isinstance(found, SignEvent):
            times, pairs = f"{clock(found.start)} to {clock(found.end)}  ", pairs[:1]
        signs = "  ".join(f"{sign} {probability:.3f}" for sign, probability in pairs)
        doubt = "" if found.sure else "  (not sure)" if found.has_hand else "  (no hand found)"
        print(_line(f"{file}  {times}{signs}{doubt}"), file=output, flush=True)


def write_json(predictions: Predictions, output: TextIO) -> None:
    """Writes one object a line."""
    for file, found in predictions:
        values = {"file": str(file), **asdict(found)}
        text = json.dumps(values, ensure_ascii=False)
        shown = (each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
        print("".join(shown), file=output, flush=True)


def write_csv(predictions: Predictions, output: TextIO) -> None:
    """Writes one row for each; clips have no start and end."""
    writer = csv.writer(output)
    names = [f"{name}_{k}" for k in range(1, TOP + 1) for name in ("sign", "probability")]
    writer.writerow(["file", "start", "end", "has_hand", "sure", *names])
    for file, found in predictions:
        pairs = zip(found.signs, found.probabilities, strict=True)
        values = (value for pair in pairs for value in pair)
        times = (found.start, found.end) if isinstance(found, SignEvent) else ("", "")
        row = [str(file), *times, found.has_hand, found.sure, *values]
        writer.writerow([cell(_line(v) if isinstance(v, str) else v) for v in row])
        output.flush()


def write_srt(predictions: Predictions, output: TextIO) -> None:
    """Writes the signs that are sure as SubRip subtitles."""
    for number, (start, end, sign) in enumerate(shown(predictions), 1):
        times = f"{clock(start)} --> {clock(end)}".replace(".", ",")
        print(f"{number}\n{times}\n{sign}\n", file=output, flush=True)


def write_vtt(predictions: Predictions, output: TextIO) -> None:
    """Writes the signs that are sure as WebVTT subtitles."""
    print("WEBVTT\n", file=output, flush=True)
    for start, end, sign in shown(predictions):
        text = sign.replace("&", "&amp;").replace("<", "&lt;")
        print(f"{clock(start)} --> {clock(end)}\n{text}\n", file=output, flush=True)


def shown(predictions: Predictions) -> Iterable[tuple[float, float, str]]:
    """Yields start, end and sign of those that are sure, in seconds."""
    for _, found in predictions:
        if isinstance(found, SignEvent) and found.sure:
            yield found.start, found.end, _line(found.signs[0])


def _line(text: str) -> str:
    """Returns text on one line: a line break would begin another prediction."""
    return printable(text).replace("\n", "\\n")


def clock(seconds: float) -> str:
    """Returns a time as hours, minutes, seconds and milliseconds.

    Example:
        >>> clock(3725.5)
        '01:02:05.500'
    """
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


WRITERS: dict[str, Callable[[Predictions, TextIO], None]] = {
    "text": write_text,
    "json": write_json,
    "jsonl": write_json,
    "csv": write_csv,
    "srt": write_srt,
    "vtt": write_vtt,
}
"""By format, which is also the suffix of a file."""
