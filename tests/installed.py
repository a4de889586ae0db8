"""gislr as a user has it: the wheel, in an environment of its own."""

import subprocess
import sys
from pathlib import Path

from tests.documentation import ROOT


def uv(*arguments):
    """Runs uv."""
    command = [sys.executable, "-m", "uv", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def build(folder: Path, *options: str) -> None:
    """Builds the archives of a copy of the project, in its folder `dist`."""
    uv(
        *("build", "--no-build-isolation", "--python", sys.executable, *options),
        *("-o", folder / "dist", folder),
    )


def install(wheel: Path, environment: Path, python: str = sys.executable, extras: str = "") -> Path:
    """Installs a wheel, and what it needs at the pinned versions, in a new environment.

    Args:
        wheel: The file.
        environment: The folder.
        python: Which interpreter it is for.
        extras: The wheel's, such as `"onnx,pose"`.

    Returns:
        The folder of its programs.
    """
    uv("venv", "--python", python, environment)
    uv(
        *("pip", "install", "--compile-bytecode", "--python", environment / "bin/python"),
        *("--constraint", ROOT / "requirements.lock"),
        f"{wheel}[{extras}]" if extras else wheel,
    )
    return environment / "bin"
