"""Where the project's own folders are, whatever the working directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def is_checkout() -> bool:
    """Tells whether the package runs from a checkout rather than from site-packages."""
    return (PACKAGE.parent / "conf").is_dir()


def project_root() -> Path:
    """Returns the checkout's root; the working directory when the package is installed alone."""
    return PACKAGE.parent if is_checkout() else Path.cwd()


def config_folder() -> Path:
    """Returns the folder of the Hydra configuration."""
    return PACKAGE.parent / "conf" if is_checkout() else PACKAGE / "conf"


def resolve(path: str) -> Path:
    """Returns an absolute path; a relative one counts from the project's root."""
    return project_root() / Path(path).expanduser()


def resolve_here(path: str) -> Path:
    """Returns an absolute path; a relative one counts from the working directory."""
    return Path(path).expanduser().absolute()


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yields a file beside `path` that takes its place at the end, or is removed on failure."""
    beside = path.with_name(f"{path.name}.part")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
