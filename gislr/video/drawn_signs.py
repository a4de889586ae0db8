"""Writes a video with its signs drawn on it, by a process in MediaPipe's own environment."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gislr.utils.errors import DataError
from gislr.utils.paths import atomic_file
from gislr.video.environment import mediapipe_python

_SCRIPT = Path(__file__).with_name("signs_on_video.py")


def draw_signs(video: Path, signs: Sequence[tuple[float, float, str]], output: Path) -> None:
    """Writes a video in which each sign shows while it is made; without sound.

    Args:
        video: The video.
        signs: Start and end in seconds, and what is shown.
        output: The `.mp4` file.

    Raises:
        DataError: The video cannot be read again.
        GislrError: MediaPipe's environment is not set up.
    """
    with atomic_file(output) as partial, tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn.mp4"  # OpenCV tells the format by the suffix
        done = subprocess.run(
            [mediapipe_python(), _SCRIPT, video, drawn],
            input=json.dumps(list(signs)),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not drawn.is_file():
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise DataError(f"The signs could not be drawn on {video.name}: {reason}.")
        shutil.move(drawn, partial)
