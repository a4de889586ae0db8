"""Names the signs of clips: the five likeliest, with their probabilities.

    python -m gislr.predict model=RUN CLIP.parquet FOLDER...
    python -m gislr.predict model=RUN FOLDER --json > signs.json
    python -m gislr.predict model=RUN FOLDER --csv signs.csv

`RUN` is the id of a training or of a final run. A file that cannot be read is told and left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gislr.backend import quiet_backend
from gislr.commands import failures_in_one_line
from gislr.errors import DataError, SettingError
from gislr.paths import resolve_here
from gislr.terminal import note, progress_bars
from gislr.tracking.store import TrackingSettings

TOP = 5
_MODEL = "model="
_AT_ONCE = 64
_SOME_BROKEN = 2


@dataclass(frozen=True)
class Prediction:
    """The likeliest signs of a clip.

    Attributes:
        file: The clip's file.
        signs: The likeliest sign first.
        probabilities: Of each of them.
        has_hand: Whether any frame shows a hand; without one the signs mean nothing.
    """

    file: str
    signs: list[str]
    probabilities: list[float]
    has_hand: bool


def clip_files(given: Iterable[str]) -> list[Path]:
    """Returns files as they are given, and the parquet files of folders.

    Raises:
        DataError: Something does not exist, or a folder holds no parquet file.
    """
    found: list[Path] = []
    for name in given:
        path = resolve_here(name)
        if path.is_dir():
            inside = sorted(path.rglob("*.parquet"))
            if not inside:
                raise DataError(f"A folder of clips must hold .parquet files; {name} holds none.")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"A clip must be a file or a folder; there is no {name}.")
    return found


def predict_files(
    settings: TrackingSettings, model: str, files: Sequence[Path], problems: list[str]
) -> Iterator[Prediction]:
    """Yields the predictions of clips, in their order.

    Args:
        settings: Where the run is kept.
        model: The id of a run.
        files: Parquet files.
        problems: Takes a line for each file that is left out.

    Raises:
        GislrError: The run cannot be read.
    """
    import numpy as np

    with quiet_backend():
        from gislr.models.recogniser import Recogniser
        from gislr.tracking.logged import find_run
    from gislr.data.raw_clips import ClipProblem, read_clip
    from gislr.landmarks import LEFT_HAND, RIGHT_HAND

    recogniser = Recogniser.of_run(find_run(settings, model))
    hands = np.concatenate([LEFT_HAND, RIGHT_HAND])
    with progress_bars() as progress:
        done = progress("Recognising clips", len(files)) if len(files) > _AT_ONCE else None
        for start in range(0, len(files), _AT_ONCE):
            clips = []
            for file in files[start : start + _AT_ONCE]:
                try:
                    clips.append((file, read_clip(file)))
                except ClipProblem as problem:
                    problems.append(f"{file}: {problem.kind.lower()}. {problem.remedy}")
            probabilities = recogniser.probabilities([landmarks for _, landmarks in clips])
            for (file, landmarks), row in zip(clips, probabilities, strict=True):
                best = np.argsort(-row, kind="stable")[:TOP]
                yield Prediction(
                    file=str(file),
                    signs=[recogniser.signs[label] for label in best],
                    probabilities=[float(row[label]) for label in best],
                    has_hand=bool(np.isfinite(landmarks[:, hands]).any()),
                )
            if done:
                done(min(_AT_ONCE, len(files) - start))


def as_line(prediction: Prediction) -> str:
    """Returns a prediction as a line of a table."""
    signs = "  ".join(
        f"{sign} {probability:.3f}"
        for sign, probability in zip(prediction.signs, prediction.probabilities, strict=True)
    )
    return f"{prediction.file}  {signs}{'' if prediction.has_hand else '  (no hand found)'}"


def write_csv(predictions: Iterable[Prediction], path: Path) -> None:
    """Writes a row a clip, beside its place and then renamed."""
    beside = path.with_name(f"{path.name}.part")
    with beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        numbers = range(1, TOP + 1)
        names = [name for k in numbers for name in (f"sign_{k}", f"probability_{k}")]
        writer.writerow(["file", "has_hand", *names])
        for found in predictions:
            pairs = zip(found.signs, found.probabilities, strict=True)
            writer.writerow([found.file, found.has_hand, *(x for pair in pairs for x in pair)])
    beside.replace(path)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gislr.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="model=RUN, the id of a run")
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="parquet files or folders")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--csv", metavar="FILE", help="write a CSV file")
    parser.add_argument("--uri", help="another tracking store than the project's own")
    arguments = parser.parse_args()
    problems: list[str] = []
    with failures_in_one_line():
        if not arguments.model.startswith(_MODEL):
            raise SettingError(f"The model comes first, as model=RUN; got {arguments.model!r}.")
        settings = TrackingSettings(arguments.uri, "gislr", None)
        run_id = arguments.model.removeprefix(_MODEL)
        found = predict_files(settings, run_id, clip_files(arguments.clips), problems)
        if arguments.csv:
            write_csv(found, resolve_here(arguments.csv))
        elif arguments.json:
            print(json.dumps([vars(entry) for entry in found], ensure_ascii=False, indent=1))
        else:
            for prediction in found:
                note(as_line(prediction))
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        sys.exit(_SOME_BROKEN)


if __name__ == "__main__":
    main()
