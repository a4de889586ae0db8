"""Names the signs of clips: the five most_likely, with their probabilities.

    python -m gislr.predict model=MODEL CLIP.parquet FOLDER...
    python -m gislr.predict model=MODEL FOLDER --json > signs.json
    python -m gislr.predict model=MODEL FOLDER --csv signs.csv
    python -m gislr.predict model=MODEL CLIP.mp4
    python -m gislr.predict model=MODEL webcam --seconds 3

`MODEL` is the id of a run, a registered model such as `models:/gislr@champion`, or an exported
`.tflite` file with its label map beside it. A clip that cannot be read is told and left out.
Videos and the webcam need `python -m gislr.video --setup` once.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.cli.hydra_app import argument_parser, errors_as_messages
from gislr.config.tracking_settings import TrackingSettings
from gislr.inference import Prediction, check_landmarks, most_likely
from gislr.inference.recognizer import TOP
from gislr.utils.errors import DataError, SettingError
from gislr.utils.log import log
from gislr.utils.paths import atomic_file, resolve_here
from gislr.utils.terminal import progress_bars
from gislr.video import VIDEO_SUFFIXES, read_video, read_webcam
from gislr.video.reading import RECORDED_SECONDS, WEBCAM

_MODEL = "model="
_AT_ONCE = 64
_SOME_BROKEN = 2


@dataclass(frozen=True)
class FilePrediction:
    """The most_likely signs of a file.

    Attributes:
        file: The clip's file.
        found: Its signs.
    """

    file: str
    found: Prediction


def clip_files(given: Iterable[str]) -> list[Path]:
    """Returns files as they are given, and the parquet files of folders; `webcam` stays.

    Raises:
        DataError: Something does not exist, or a folder holds no parquet file.
    """
    found: list[Path] = []
    for name in given:
        path = resolve_here(name)
        if name == WEBCAM:
            found.append(Path(name))
        elif path.is_dir():
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
    settings: TrackingSettings,
    model: str,
    files: Sequence[Path],
    problems: list[str],
    seconds: float = RECORDED_SECONDS,
) -> Iterator[FilePrediction]:
    """Yields the predictions of clips, in their order.

    Args:
        settings: Where the run is kept.
        model: See `open_recognizer`.
        files: Parquet files or videos, or `webcam`.
        problems: Takes a line for each file that is left out.
        seconds: How long the webcam records.

    Raises:
        GislrError: The model cannot be opened.
    """
    from gislr.inference.open_model import open_recognizer

    recognizer = open_recognizer(settings, model)
    with progress_bars() as progress:
        done = progress("Recognizing clips", len(files)) if len(files) > _AT_ONCE else None
        for start in range(0, len(files), _AT_ONCE):
            clips = []
            for file in files[start : start + _AT_ONCE]:
                try:
                    clips.append((file, check_landmarks(read_landmarks(file, seconds))))
                except DataError as error:
                    problems.append(f"{error}" if str(file) in str(error) else f"{file}: {error}")
            found = most_likely(recognizer, [landmarks for _, landmarks in clips])
            for (file, _), prediction in zip(clips, found, strict=True):
                yield FilePrediction(str(file), prediction)
            if done:
                done(min(_AT_ONCE, len(files) - start))


def read_landmarks(file: Path, seconds: float = RECORDED_SECONDS) -> NDArray[np.float32]:
    """Reads the landmarks of a parquet file or a video, or records some, [frames, 543, 3].

    Raises:
        DataError: A file cannot be used.
        GislrError: MediaPipe is not set up.
    """
    from gislr.data.raw_clips import require_clip

    if file == Path(WEBCAM):
        return read_webcam(seconds)
    return read_video(file) if file.suffix.lower() in VIDEO_SUFFIXES else require_clip(file)


def as_line(predicted: FilePrediction) -> str:
    """Returns a prediction as a line of a table."""
    found = predicted.found
    signs = "  ".join(
        f"{sign} {probability:.3f}"
        for sign, probability in zip(found.signs, found.probabilities, strict=True)
    )
    return f"{predicted.file}  {signs}{'' if found.has_hand else '  (no hand found)'}"


def as_values(predicted: FilePrediction) -> dict[str, object]:
    """Returns a prediction for JSON."""
    return {"file": predicted.file, **asdict(predicted.found)}


def write_csv(predictions: Iterable[FilePrediction], path: Path) -> None:
    """Writes a row a clip, beside its place and then renamed."""
    with (
        atomic_file(path) as beside,
        beside.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        numbers = range(1, TOP + 1)
        names = [name for k in numbers for name in (f"sign_{k}", f"probability_{k}")]
        writer.writerow(["file", "has_hand", *names])
        for predicted in predictions:
            found = predicted.found
            pairs = zip(found.signs, found.probabilities, strict=True)
            writer.writerow([predicted.file, found.has_hand, *(x for pair in pairs for x in pair)])


def main() -> None:
    """Reads the command line."""
    parser = argument_parser("predict", __doc__)
    parser.add_argument("model", help="model=MODEL")
    parser.add_argument(
        "clips", nargs="+", metavar="CLIP", help="parquet files, folders of them, videos, webcam"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--csv", metavar="FILE", help="write a CSV file")
    parser.add_argument("--seconds", type=float, default=RECORDED_SECONDS, help="of a recording")
    parser.add_argument("--uri", help="another tracking store than the project's own")
    arguments = parser.parse_args()
    problems: list[str] = []
    with errors_as_messages():
        if not arguments.model.startswith(_MODEL):
            raise SettingError(f"The model comes first, as model=MODEL; got {arguments.model!r}.")
        settings = TrackingSettings(uri=arguments.uri, experiment="gislr", run_name=None)
        model = arguments.model.removeprefix(_MODEL)
        files = clip_files(arguments.clips)
        found = predict_files(settings, model, files, problems, arguments.seconds)
        if arguments.csv:
            write_csv(found, resolve_here(arguments.csv))
        elif arguments.json:
            print(json.dumps([as_values(entry) for entry in found], ensure_ascii=False, indent=1))
        else:
            for prediction in found:
                log.info(as_line(prediction))
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        sys.exit(_SOME_BROKEN)
