"""Fetches MediaPipe's JavaScript, with which the page finds landmarks itself."""

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
_DIGEST = "8a3c0632e40e761e637d020738e96dc54d9bbbd4330ce2b206469fe467fd708b"
FILES = (
    "holistic.js",
    "holistic.binarypb",
    "holistic_solution_packed_assets.data",
    "holistic_solution_packed_assets_loader.js",
    "holistic_solution_simd_wasm_bin.data",
    "holistic_solution_simd_wasm_bin.js",
    "holistic_solution_simd_wasm_bin.wasm",
    "holistic_solution_wasm_bin.js",
    "holistic_solution_wasm_bin.wasm",
    "pose_landmark_full.tflite",
)


def folder() -> Path | None:
    """Returns the folder of the files, or `None` where they were not fetched."""
    found = _folder()
    return found if found.is_dir() else None


def fetch() -> Path:
    """Fetches the package with npm, about 50 MB, and keeps what the page needs of it.

    Raises:
        GislrError: npm is missing or fails, or the package is not the known one.
    """
    target = _folder()
    if target.is_dir():
        return target
    npm = shutil.which("npm")
    if npm is None:
        raise GislrError(
            "npm is needed to fetch MediaPipe's JavaScript; install Node.js, which brings it."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        done = subprocess.run(
            [npm, "pack", PACKAGE, "--silent"],
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
        archives = list(Path(scratch).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise GislrError(f"npm could not fetch {PACKAGE}: {lines[-1]}")
        content = archives[0].read_bytes()
        if hashlib.sha256(content).hexdigest() != _DIGEST:
            raise GislrError(f"npm fetched another {PACKAGE} than the known one; nothing was kept.")
        kept = Path(scratch) / "kept"
        kept.mkdir()
        with tarfile.open(archives[0]) as archive:
            for name in FILES:
                file = archive.extractfile(f"package/{name}")
                (kept / name).write_bytes(file.read() if file else b"")
        kept.replace(target)
    return target


def _folder() -> Path:
    return resolve(".cache/webcam")
