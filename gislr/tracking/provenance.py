"""Where a run comes from: commit, versions, command, and a digest of what decides its numbers."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from gislr.utils.paths import PACKAGE, project_root

PACKAGES = (
    *("gislr", "tensorflow", "keras", "numpy", "pyarrow"),
    *("scikit-learn", "mlflow", "optuna", "hydra-core"),
)
"""The packages that can change a number."""

_NOT_IN_IDENTITY = ("tracking", "preparation", "sweep", "experiment")
_ADDED_BY_SWEEPS = ("hydra.run.dir=", "+hydra.callbacks.optuna_sweeper.")


def code_tags() -> dict[str, str]:
    """Returns `git_tags` and, as `version.NAME`, the `versions`."""
    return git_tags() | {f"version.{name}": found for name, found in versions().items()}


def git_tags() -> dict[str, str]:
    """Returns the commit and whether the tree differs from it; `unknown` outside a checkout."""
    commit = _git("rev-parse", "HEAD")
    edits = _git("status", "--porcelain", "--untracked-files=normal") if commit else None
    return {
        "git.commit": commit or "unknown",
        "git.dirty": "unknown" if edits is None else str(bool(edits)),
    }


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(project_root()), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Returns the version of Python and of each of `PACKAGES`."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def installed(*packages: str) -> list[str]:
    """Returns the installed versions of packages as pip's requirements."""
    return [f"{package}=={metadata.version(package)}" for package in packages]


def identity(values: Mapping[str, Any], fingerprints: Mapping[str, str]) -> str:
    """Returns a digest that is the same for runs that must have the same numbers.

    Args:
        values: The configuration; keys that only say where a run is recorded are left out.
        fingerprints: Of the data, by tag.

    Returns:
        Hexadecimal, of the configuration, the data and the package's source files.
    """
    kept = {name: value for name, value in values.items() if name not in _NOT_IN_IDENTITY}
    digest = hashlib.sha256(json.dumps([kept, fingerprints], sort_keys=True, default=str).encode())
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def changes(tags: Mapping[str, str], fingerprints: Mapping[str, str]) -> list[str]:
    """Returns what differs from when a run was made, one line each.

    Args:
        tags: The run's.
        fingerprints: Of its data as it is now, by tag.
    """
    now = {**code_tags(), **fingerprints}
    lines = [
        f"{name}: {tags.get(name, 'unknown')}, now {value}"
        for name, value in now.items()
        if name != "git.dirty" and tags.get(name) != value
    ]
    if "True" in (tags.get("git.dirty"), now["git.dirty"]):
        lines.append("git.dirty: the code held changes that were not committed, then or now")
    return lines


def command() -> str:
    """Returns this process's command line as a person types it, such as `gislr train seed=1`."""
    for position, argument in enumerate(sys.orig_argv):
        # A trial's process names the command's module after its own.
        name = Path(argument).name
        if name != "gislr" and not (
            name.startswith("gislr.") and sys.orig_argv[position - 1] == "-m"
        ):
            continue
        typed = [*name.split("."), *sys.orig_argv[position + 1 :]]
        return shlex.join(a for a in typed if not a.startswith(_ADDED_BY_SWEEPS))
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
