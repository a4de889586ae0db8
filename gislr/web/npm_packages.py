"""Fetches the JavaScript that pages need: LiteRT, MediaPipe, a reader of parquet files."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gislr.utils.errors import GislrError
from gislr.utils.log import log
from gislr.utils.paths import resolve
from gislr.web.page_files import PageFiles, files_of

_CACHE = ".cache/npm"


@dataclass(frozen=True)
class Package:
    """A package of npm, of which pages use some files.

    Attributes:
        name: With its version.
        sha256: Of the archive.
        folder: Of a page, which holds its files.
        patterns: Which files.
    """

    name: str
    sha256: str
    folder: str
    patterns: tuple[str, ...]


MEDIAPIPE = Package(
    "@mediapipe/holistic@0.5.1675471629",
    "8a3c0632e40e761e637d020738e96dc54d9bbbd4330ce2b206469fe467fd708b",
    "mediapipe",
    (
        "holistic.js",
        "holistic.binarypb",
        "holistic_solution_packed_assets*",
        "holistic_solution_simd_wasm_bin.*",
        "pose_landmark_full.tflite",
        "package.json",
    ),
)
LITERT = Package(
    "@litertjs/core@2.5.3",
    "a97660833e9e7e1063c95e12016718881240b14f7438728a2f62785e912d30fd",
    "litert",
    ("dist/index.js", "wasm/litert_wasm_internal.*", "wasm/litert_wasm_compat*", "package.json"),
)
WASM_UTILS = Package(
    "@litertjs/wasm-utils@2.5.3",
    "ce2a1f8379c067be49e59752e5a7f40db6be09f6e497f0f11e59f17b515366a7",
    "wasm-utils",
    ("dist/index.js", "package.json"),
)
HYPARQUET = Package(
    "hyparquet@1.33.0",
    "6af16c6ed33e983d6ee6e5e05b1ef3ae766efc22240fac3eb56ecd2ab5780e9b",
    "hyparquet",
    ("src/*.js", "LICENSE", "package.json"),
)
PACKAGES = (MEDIAPIPE, LITERT, WASM_UTILS, HYPARQUET)


def mediapipe() -> PageFiles:
    """Returns MediaPipe Holistic's JavaScript and models, which find landmarks in a page.

    Raises:
        GislrError: See `fetch`.
    """
    return fetch(MEDIAPIPE)


def runtime() -> PageFiles:
    """Returns what runs a `.tflite` file in a page, and reads parquet files there.

    Raises:
        GislrError: See `fetch`.
    """
    files = {**fetch(LITERT), **fetch(WASM_UTILS), **fetch(HYPARQUET)}
    # Browsers resolve such a bare name by an inline import map only, which the policy forbids.
    module, bare = f"{LITERT.folder}/dist/index.js", "@litertjs/wasm-utils"
    path = files[module]
    text = path if isinstance(path, bytes) else path.read_bytes()
    relative = f"../../{WASM_UTILS.folder}/dist/index.js"
    return files | {module: text.replace(f'"{bare}"'.encode(), f'"{relative}"'.encode())}


def is_fetched(*packages: Package) -> bool:
    """Tells whether packages lie in the cache."""
    return all(_folder(package).is_dir() for package in packages)


def fetch(package: Package) -> PageFiles:
    """Fetches a package with npm, once, and returns the files that pages use.

    Raises:
        GislrError: npm is missing or fails, or the package is not the known one.
    """
    target = _folder(package)
    if not target.is_dir():
        _fetch(package, target)
    return files_of(target, package.folder, package.patterns)


def _folder(package: Package) -> Path:
    return resolve(_CACHE) / package.name.replace("/", "_")


def _fetch(package: Package, target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise GislrError(
            f"npm is needed to fetch {package.name}, once; install Node.js, which brings it."
        )
    log.info(f"fetching {package.name} by npm, once")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        command = [npm, "pack", package.name, "--silent"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        archives = list(Path(scratch).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise GislrError(f"npm could not fetch {package.name}: {lines[-1]}")
        if hashlib.sha256(archives[0].read_bytes()).hexdigest() != package.sha256:
            raise GislrError(
                f"npm fetched another {package.name} than the known one; nothing is kept."
            )
        with tarfile.open(archives[0]) as archive:
            archive.extractall(scratch, filter="data")
        (Path(scratch) / "package").replace(target)
