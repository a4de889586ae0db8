"""Says what is installed, missing or broken, and the command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from omegaconf import DictConfig

from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.tracking_store import SQLITE, connect, database_file, tracking_uri
from gislr.utils.errors import GislrError
from gislr.utils.installed_packages import missing, modules, requirements
from gislr.utils.log import log
from gislr.utils.paths import is_checkout, project_root, resolve
from gislr.utils.separate_imports import ImportOutcome, import_separately
from gislr.utils.system_errors import system_error_message
from gislr.video import environment
from gislr.web import npm_packages
from gislr.workflows.command_settings import CommandSettings, read_command

EXTRAS = {
    "gpu": "training on NVIDIA GPUs",
    "jax": "Keras on JAX, KERAS_BACKEND=jax",
    "launchers": "a sweep's trials by joblib or Slurm",
    "ray": "a sweep's trials on a Ray cluster",
    "gp": "sweeps by Gaussian processes",
    "onnx": "gislr export onnx=true",
    "postgresql": "a sweep's study in PostgreSQL",
    "pose": "clips of the pose-format library",
}
"""What each extra of the package is for."""

_CORES = "gislr.data.preparation:cpu_count"
_BACKEND = "gislr.training.backend:backend_and_devices"
_WIDTH = 100


@dataclass(frozen=True)
class Finding:
    """A line of the report.

    Attributes:
        name: What was looked at.
        text: What was found.
        command: What installs or mends it; empty if nothing has to be done.
        needed: Whether gislr works without it.
    """

    name: str
    text: str
    command: str = ""
    needed: bool = True


def doctor(config: DictConfig) -> list[Finding]:
    """Prints what is there, what is missing, and what is broken.

    Returns:
        What was found, if nothing that gislr needs is missing or broken.

    Raises:
        SystemExit: Something is; the exit code is 1.
    """
    settings = read_command(CommandSettings, config).tracking
    findings = [*_packages(), _folder(), _store(settings), *_extras(), _videos(), _pages()]
    _print("", [finding for finding in findings if not finding.command])
    optional = [each for each in findings if each.command and not each.needed]
    broken = [each for each in findings if each.command and each.needed]
    _print("Not installed, needed only for:", optional)
    _print("Missing or broken:", broken)
    if broken:
        sys.exit(1)
    log.info("\nEverything that gislr needs is there.")
    return findings


def _packages() -> Iterator[Finding]:
    """Yields the versions, the machine, what is broken, and Keras' backend."""
    required = requirements("gislr")
    wrong = missing(required)
    found = modules()
    names = {r.name: found[r.name] for r in required if r.name not in wrong and r.name in found}
    outcomes = import_separately([*names.values(), _CORES, _BACKEND])
    versions = {name: metadata.version(name) for name in names}
    where = f"Python {platform.python_version()}, {sys.executable}"
    yield Finding("gislr", f"{metadata.version('gislr')}, {where}")
    yield Finding("machine", _machine(outcomes[_CORES]))
    failures = {name: outcomes[module].error for name, module in names.items()}
    if failures.get("tensorflow"):
        failures.pop("keras", None)  # fails with it
    working = [name for name, error in failures.items() if not error]
    yield Finding("packages", ", ".join(f"{name} {versions[name]}" for name in working))
    for requirement in required:
        name = requirement.name
        wanted = f"'{name}{requirement.specifier}'"
        if name in wrong:
            yield Finding(name, wrong[name], f"pip install {wanted}")
        elif error := failures.get(name):
            again = f"pip install --force-reinstall --no-deps '{name}=={versions[name]}'"
            yield Finding(name, f"{versions[name]} cannot be imported: {error}", again)
    backend = outcomes[_BACKEND]
    if not backend.error:
        yield Finding("Keras", str(backend.result))
    elif not failures.get("tensorflow") and "keras" in working:
        chosen = os.environ.get("KERAS_BACKEND", "tensorflow")
        instead = _install("jax") if chosen == "jax" else "unset KERAS_BACKEND"
        yield Finding("Keras", f"{chosen} cannot be its backend: {backend.error}", instead)


def _machine(cores: ImportOutcome) -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    counted = cores.result or os.cpu_count()
    return f"{platform.system()} {platform.machine()}, {counted} cores, {memory:.0f} GiB of memory"


def _install(extra: str) -> str:
    return (
        f"pip install --editable '.[{extra}]'" if is_checkout() else f"pip install 'gislr[{extra}]'"
    )


def _folder() -> Finding:
    """Checks the folder of prepared data, runs and exports."""
    root = project_root()
    try:
        _require_writable(resolve(".cache"))
    except OSError as error:
        return Finding("folder", system_error_message(error) or str(error), "cd ANOTHER")
    return Finding("folder", f"{root}, {shutil.disk_usage(root).free / 1e9:.0f} GB free")


def _require_writable(folder: Path) -> None:
    while not folder.exists():
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        pass


def _store(settings: TrackingSettings) -> Finding:
    """Opens the tracking store, without making one."""
    try:
        uri = tracking_uri(settings.uri)
        is_new = uri.startswith(SQLITE) and not database_file(uri).exists()
        if is_new:
            _require_writable(database_file(uri).parent)
        else:
            connect(settings, create=False)
    except (GislrError, ImportError, OSError) as error:
        sentence = system_error_message(error) or str(error).splitlines()[0]
        return Finding("runs", sentence, "gislr doctor tracking.uri=ANOTHER")
    return Finding("runs", f"{uri}, new" if is_new else uri)


def _extras() -> Iterator[Finding]:
    there = [extra for extra in EXTRAS if not missing(requirements("gislr", extra))]
    if there:
        yield Finding("extras", ", ".join(there))
    for extra in [extra for extra in EXTRAS if extra not in there]:
        yield Finding(extra, EXTRAS[extra], _install(extra), needed=False)


def _videos() -> Finding:
    try:
        environment.mediapipe_python()
    except GislrError:
        return Finding("videos", "landmarks of videos", environment.SETUP, needed=False)
    return Finding("videos", f"MediaPipe in {environment.folder()}")


def _pages() -> Finding:
    if npm_packages.is_fetched(*npm_packages.PACKAGES):
        return Finding("pages", "the JavaScript of gislr demo and gislr record is fetched")
    if npm := shutil.which("npm"):
        return Finding("pages", f"{npm} fetches their JavaScript, once")
    purpose = "gislr demo, gislr record, page=true (npm fetches their JavaScript)"
    return Finding("npm", purpose, "install Node.js", needed=False)


def _print(title: str, findings: list[Finding]) -> None:
    """Prints a table: names, texts, and below each what mends it."""
    if not findings:
        return
    lines = ["", title] if title else []
    width = max(len(finding.name) for finding in findings)
    margin = " " * (width + 2)
    for finding in findings:
        text = f"{finding.text}: {finding.command}" if finding.command else finding.text
        lines.append(
            textwrap.fill(
                f"{finding.name:<{width}}  {text}",
                _WIDTH,
                subsequent_indent=margin,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    log.info("\n".join(lines))
