"""MediaPipe's own environment.

The last MediaPipe whose wheel carries Holistic's models needs NumPy 1 and protobuf 4, TensorFlow
needs NumPy 2 and a newer protobuf: they cannot share an environment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from gislr.utils.errors import GislrError
from gislr.utils.paths import resolve

REQUIREMENTS = (
    "mediapipe==0.10.21",
    "numpy==1.26.4",
    "opencv-contrib-python-headless==4.11.0.86",
    "protobuf==4.25.9",
    "absl-py==2.3.1",
    "attrs==25.4.0",
    "flatbuffers==25.9.23",
    "matplotlib==3.10.7",
    "contourpy==1.3.2",
    "cycler==0.12.1",
    "fonttools==4.60.1",
    "kiwisolver==1.4.9",
    "packaging==25.0",
    "pillow==12.0.0",
    "pyparsing==3.2.5",
    "python-dateutil==2.9.0.post0",
    "six==1.17.0",
)
"""All that Holistic imports; MediaPipe's other needs, JAX among them, would be as large again."""

_READY = "ready"
SETUP = "gislr video setup=true"


def folder() -> Path:
    """Returns where the environment is."""
    return resolve(".cache/mediapipe")


def mediapipe_python() -> Path:
    """Returns the Python that has MediaPipe.

    Raises:
        GislrError: It was not set up.
    """
    if not _is_ready():
        raise GislrError(
            "MediaPipe is needed to find landmarks in videos, in an environment of its own since "
            f"TensorFlow's excludes it; set it up with: {SETUP}"
        )
    return _own_python()


def _own_python() -> Path:
    return folder() / "bin" / "python"


def _is_ready() -> bool:
    # The interpreter is a link, whose target may have been removed since.
    return (folder() / _READY).is_file() and _own_python().exists()


def set_up(python: str = sys.executable) -> Path:
    """Makes the environment, about 410 MB, unless it is there.

    Args:
        python: The interpreter it is made with, Python 3.10 to 3.12.

    Returns:
        Its folder.

    Raises:
        GislrError: The interpreter does not suit, or packages cannot be had.
    """
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if _is_ready():
            return target
        shutil.rmtree(target, ignore_errors=True)
        _require_version(python)
        # Made in place, since an environment cannot be moved; the mark comes last.
        _run([python, "-m", "venv", str(target)])
        own = str(_own_python())
        pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--no-deps", *REQUIREMENTS])
        _run([own, "-c", "import cv2, mediapipe"])
        (target / _READY).touch()
    return target


def _require_version(python: str) -> None:
    try:
        asked = [python, "-c", "import sys; print(*sys.version_info[:2])"]
        major, minor = map(int, subprocess.check_output(asked, text=True).split())
    except (OSError, ValueError, subprocess.SubprocessError):
        raise GislrError(f"{python!r} must be a Python interpreter; it cannot be run.") from None
    if not (3, 10) <= (major, minor) <= (3, 12):
        raise GislrError(
            f"MediaPipe 0.10.21 needs Python 3.10 to 3.12, and {python} is {major}.{minor}; name "
            f"another: {SETUP} --python python3.12"
        )


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise GislrError(f"MediaPipe's environment could not be set up: {error}.") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise GislrError(f"MediaPipe's environment could not be set up: {lines[-1].strip()}")
