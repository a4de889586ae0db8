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

SETUP = "gislr extract setup=true"
_READY = "ready"
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def folder() -> Path:
    """Returns the environment's folder."""
    return resolve(".cache/mediapipe")


def mediapipe_python() -> Path:
    """Returns the Python interpreter that has MediaPipe.

    Raises:
        GislrError: The environment is not set up.
    """
    if not _is_ready():
        raise GislrError(
            "MediaPipe is needed to find landmarks in videos, in an environment of its own since "
            f"TensorFlow's excludes it; set it up with: {SETUP}"
        )
    return _interpreter()


def set_up(python: str = sys.executable) -> Path:
    """Makes the environment, about 410 MB, unless it exists.

    Args:
        python: The interpreter that makes it, Python 3.10 to 3.12.

    Returns:
        Its folder.

    Raises:
        GislrError: The interpreter does not suit, or pip cannot fetch the packages.
    """
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if _is_ready():
            return target
        shutil.rmtree(target, ignore_errors=True)
        _require_version(python)
        # In place, since an environment cannot be moved; the mark comes last.
        _run(python, "-m", "venv", str(target))
        pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
        _run(str(_interpreter()), *pip, "--requirement", str(_REQUIREMENTS))
        _run(str(_interpreter()), "-c", "import cv2, mediapipe")
        (target / _READY).touch()
    return target


def _interpreter() -> Path:
    return folder() / "bin" / "python"


def _is_ready() -> bool:
    # The interpreter is a link, whose target may have been removed since.
    return (folder() / _READY).is_file() and _interpreter().exists()


def _require_version(python: str) -> None:
    try:
        command = [python, "-c", "import sys; print(*sys.version_info[:2])"]
        major, minor = map(int, subprocess.check_output(command, text=True).split())
    except (OSError, ValueError, subprocess.SubprocessError):
        raise GislrError(f"{python!r} must be a Python interpreter; it cannot be run.") from None
    if not (3, 10) <= (major, minor) <= (3, 12):
        raise GislrError(
            f"MediaPipe 0.10.21 needs Python 3.10 to 3.12, and {python} is {major}.{minor}; name "
            f"another: {SETUP} python=python3.12"
        )


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise GislrError(f"MediaPipe's environment could not be set up: {error}.") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise GislrError(f"MediaPipe's environment could not be set up: {lines[-1].strip()}")
