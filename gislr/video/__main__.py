"""Turns videos into clips of landmarks, in the layout of the Kaggle set.

python -m gislr.video --setup                     once: MediaPipe's own environment, 450 MB
python -m gislr.video CLIP.mp4... --output FOLDER
python -m gislr.video webcam --seconds 3 --output FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from gislr.commands import argument_parser, failures_in_one_line
from gislr.errors import DataError
from gislr.paths import resolve_here, written_whole
from gislr.terminal import note
from gislr.video.environment import set_up
from gislr.video.reading import RECORDED_SECONDS, WEBCAM, read_video, record


def write_landmarks(source: str, seconds: float, folder: Path) -> Path:
    """Writes the landmarks of a video, or of a recording, as a parquet file.

    Args:
        source: A video file or `webcam`.
        seconds: How long is recorded.
        folder: Where to.

    Raises:
        GislrError: MediaPipe is not set up, or the video cannot be used.
    """
    from gislr.data.clip_file import write_clip

    landmarks = record(seconds) if source == WEBCAM else read_video(resolve_here(source))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{Path(source).stem}.parquet"
    with written_whole(path) as beside:
        write_clip(beside, landmarks)
    return path


def main() -> None:
    """Reads the command line."""
    parser = argument_parser("video", __doc__)
    parser.add_argument("sources", nargs="*", metavar="VIDEO", help="video files, or webcam")
    parser.add_argument("--output", default=".", help="folder for the parquet files")
    parser.add_argument("--seconds", type=float, default=RECORDED_SECONDS, help="of a recording")
    parser.add_argument("--setup", action="store_true", help="set MediaPipe up")
    parser.add_argument("--python", default=sys.executable, help="interpreter for --setup")
    arguments = parser.parse_args()
    with failures_in_one_line():
        if arguments.setup:
            note(f"MediaPipe is set up in {set_up(arguments.python)}")
        elif not arguments.sources:
            raise DataError("Name a video, webcam, or --setup; see --help.")
        problems = []
        for source in arguments.sources:
            try:
                written = write_landmarks(source, arguments.seconds, resolve_here(arguments.output))
                note(str(written))
            except DataError as error:
                problems.append(str(error))
        if problems:
            raise DataError(problems)


if __name__ == "__main__":
    main()
