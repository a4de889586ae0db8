"""Turns videos into clips of landmarks, in the layout of the Kaggle set.

python -m gislr.video --setup                     once: MediaPipe's own environment, 410 MB
python -m gislr.video CLIP.mp4... --output FOLDER
python -m gislr.video webcam --seconds 3 --output CLIP.parquet
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gislr.cli.hydra_app import argument_parser, errors_as_messages
from gislr.utils.errors import DataError, SettingError
from gislr.utils.log import log
from gislr.utils.paths import atomic_file, resolve_here
from gislr.video.environment import mediapipe_python, set_up
from gislr.video.reading import RECORDED_SECONDS, WEBCAM, read_video, read_webcam

SUFFIX = ".parquet"


def output_files(sources: Sequence[str], output: Path) -> list[Path]:
    """Returns the parquet file of each source, and makes their folder.

    Args:
        sources: Video files or `webcam`.
        output: A folder, or the parquet file of a single source.

    Raises:
        SettingError: Two sources would be written to the same file.
        DataError: There can be no such folder.
    """
    if output.suffix == SUFFIX and not output.is_dir():
        files = [output] * len(sources)
    else:
        files = [output / f"{Path(source).stem}{SUFFIX}" for source in sources]
    for k, file in enumerate(files):
        if file in files[:k]:
            raise SettingError(
                f"Each video needs a file of its own, and {file} would be written twice; name a "
                "folder, or read videos of the same name one by one."
            )
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"--output must be a folder that can be written: {error}.") from None
    return files


def write_landmarks(source: str, seconds: float, path: Path) -> None:
    """Writes the landmarks of a video, or of a recording, as a parquet file.

    Args:
        source: A video file or `webcam`.
        seconds: How long is recorded.
        path: Where to.

    Raises:
        DataError: The video cannot be used, or the file cannot be written.
        GislrError: MediaPipe is not set up.
    """
    from gislr.data.clip_file import write_clip

    landmarks = read_webcam(seconds) if source == WEBCAM else read_video(resolve_here(source))
    try:
        with atomic_file(path) as beside:
            write_clip(beside, landmarks)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error}.") from None


def main() -> None:
    """Reads the command line."""
    parser = argument_parser("video", __doc__)
    parser.add_argument("sources", nargs="*", metavar="VIDEO", help="video files, or webcam")
    parser.add_argument("--webcam", action="store_true", help="the same as webcam")
    parser.add_argument("--output", default=".", help="folder, or the parquet file of one video")
    parser.add_argument("--seconds", type=float, default=RECORDED_SECONDS, help="of a recording")
    parser.add_argument("--setup", action="store_true", help="set MediaPipe up")
    parser.add_argument("--python", default=sys.executable, help="interpreter for --setup")
    arguments = parser.parse_args()
    sources = [*arguments.sources, *([WEBCAM] if arguments.webcam else [])]
    with errors_as_messages():
        if arguments.setup:
            log.info(f"MediaPipe is set up in {set_up(arguments.python)}")
        elif not sources:
            raise SettingError("Name a video, webcam, or --setup; see --help.")
        if sources:
            # Before videos are read, which takes minutes.
            mediapipe_python()
        problems = []
        files = output_files(sources, resolve_here(arguments.output))
        for source, file in zip(sources, files, strict=True):
            try:
                write_landmarks(source, arguments.seconds, file)
                log.info(str(file))
            except DataError as error:
                problems.append(str(error))
        if problems:
            raise DataError(problems)
