"""Where a run comes from: commit, versions, command."""

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

_NOT_IN_IDENTITY = ("tracking", "preparation", "sweep", "experiment")
_ADDED_BY_SWEEPS = ("hydra.run.dir=", "+hydra.callbacks.optuna_sweeper.")


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


def installed(*packages: str) -> list[str]:
    """Returns pip's requirements for packages in their present versions."""
    return [f"{package}=={metadata.version(package)}" for package in packages]


def code_digest() -> str:
    """Returns a digest of the package's source files, hexadecimal."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def identity(values: Mapping[str, Any], fingerprint: str) -> str:
    """Returns a digest that is the same for runs that must come to the same numbers.

    Args:
        values: The configuration; what only says where a run is kept is left out.
        fingerprint: Of the data.
    """
    kept = {name: value for name, value in values.items() if name not in _NOT_IN_IDENTITY}
    described = json.dumps([kept, fingerprint, code_digest()], sort_keys=True, default=str)
    return hashlib.sha256(described.encode()).hexdigest()


def changes(tags: Mapping[str, str], fingerprint: str) -> list[str]:
    """Returns in words what is not as it was when a run was made.

    Args:
        tags: The run's.
        fingerprint: Of its data as it is now.
    """
    now = {
        **git_tags(project_root()),
        **{f"version.{name}": found for name, found in versions().items()},
        "data.fingerprint": fingerprint,
    }
    lines = [
        f"{name}: {tags.get(name, 'unknown')}, now {value}"
        for name, value in now.items()
        if name != "git.dirty" and tags.get(name) != value
    ]
    if "True" in (tags.get("git.dirty"), now["git.dirty"]):
        lines.append("git.dirty: the code held changes that were not committed, then or now")
    return lines


def typed_command() -> str:
    """Returns the command line as it was typed, before a command changed its own arguments."""
    if sys.orig_argv[1:2] != ["-m"]:
        return command()
    return " ".join(["python", *map(shlex.quote, sys.orig_argv[1:])])


def command() -> str:
    """Returns the command line as it can be typed again."""
    module = getattr(sys.modules.get("__main__"), "__spec__", None)
    program = f"python -m {module.name}" if module else Path(sys.argv[0]).name
    typed = [argument for argument in sys.argv[1:] if not argument.startswith(_ADDED_BY_SWEEPS)]
    return " ".join([program, *map(shlex.quote, typed)])
