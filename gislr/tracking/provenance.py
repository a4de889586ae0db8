"""Where a run comes from: commit, versions, command."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "gislr",
    "tensorflow",
    "keras",
    "numpy",
    "pyarrow",
    "scikit-learn",
    "mlflow",
    "optuna",
    "hydra-core",
)


def git_tags(folder: Path) -> dict[str, str]:
    """Returns the commit and whether the tree differs from it; `unknown` outside a checkout."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {"git.commit": "unknown", "git.dirty": "unknown"}
    changes = _git(folder, "status", "--porcelain", "--untracked-files=normal")
    return {"git.commit": commit, "git.dirty": "unknown" if changes is None else str(bool(changes))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Returns the version of Python and of each package that can change a number."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def command() -> str:
    """Returns the command line as it can be typed again."""
    module = getattr(sys.modules.get("__main__"), "__spec__", None)
    program = f"python -m {module.name}" if module else Path(sys.argv[0]).name
    return " ".join([program, *map(shlex.quote, sys.argv[1:])])
