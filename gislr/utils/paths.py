"""Where the project's own folders are, whatever the working directory."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def is_checkout() -> bool:
    """Tells whether the package runs from a checkout rather than from site-packages."""
    return (PACKAGE.parent / "conf" / "base.yaml").is_file()


def project_root() -> Path:
    """Returns the checkout's root; the working directory when the package is installed alone."""
    return PACKAGE.parent if is_checkout() else Path.cwd()


def config_folder() -> Path:
    """Returns the folder of the Hydra configuration."""
    return PACKAGE.parent / "conf" if is_checkout() else PACKAGE / "conf"


@cache
def config_folders() -> tuple[Path, ...]:
    """Returns the folders of configuration: gislr's own, the project's, those of other packages.

    Where gislr is installed, the project's is the working directory: `experiments/` is read there.
    A package offers one by an entry point of the group `gislr.conf`, whose value is a package that
    holds a folder `conf`.
    """
    found = [config_folder()] if is_checkout() else [config_folder(), project_root()]
    for point in entry_points(group="gislr.conf"):
        spec = find_spec(point.value)
        places = spec.submodule_search_locations if spec else None
        found += [Path(place).resolve() / "conf" for place in places or ()]
    return tuple(found)


def resolve(path: str) -> Path:
    """Returns an absolute path; a relative one counts from the project's root."""
    return project_root() / Path(path).expanduser()


def resolve_here(path: str) -> Path:
    """Returns an absolute path; a relative one counts from the working directory."""
    return Path(path).expanduser().absolute()


@contextmanager
def errors_name_path(path: Path) -> Iterator[None]:
    """Adds a path to system errors without one, such as that of writing to a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary file that replaces `path` at the end, or is removed on failure."""
    temporary = path.with_name(f"{path.name}.part")
    if not path.parent.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    try:
        with errors_name_path(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yields a temporary folder that replaces `target` at the end, or is removed on failure.

    Only one process at a time may do so: the temporary folder of a killed one is removed.
    """
    temporary = target.with_name(f"{target.name}.tmp")
    try:
        with errors_name_path(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            yield temporary
            shutil.rmtree(target, ignore_errors=True)
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
