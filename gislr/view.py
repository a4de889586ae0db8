"""Draws clips' landmarks: an animation (GIF and HTML) and a strip of frames.

python -m gislr.view train_landmark_files/2044/635217.parquet --root DIR
python -m gislr.view CLIP.parquet... --output FOLDER
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gislr.commands import failures_in_one_line
from gislr.errors import DataError
from gislr.paths import resolve_here
from gislr.terminal import note


def view_clip(path: Path, folder: Path) -> list[Path]:
    """Writes a clip's pictures.

    Args:
        path: Its parquet file.
        folder: Where to.

    Returns:
        The GIF, the page and the strip.

    Raises:
        DataError: The file is no clip.
    """
    from gislr.data.raw_clips import ClipProblem, read_clip
    from gislr.evaluation import clip_figures
    from gislr.pages import png

    try:
        landmarks = read_clip(path)
    except ClipProblem as problem:
        raise DataError(f"{path}: {problem.kind.lower()}. {problem.remedy}") from None
    gif, html = clip_figures.animation(landmarks, path.stem)
    written = [folder / f"{path.stem}{suffix}" for suffix in (".gif", ".html", ".png")]
    folder.mkdir(parents=True, exist_ok=True)
    contents = (
        gif,
        _page(path.stem, html),
        png(clip_figures.strip(landmarks, path.stem)),
    )
    for file, content in zip(written, contents, strict=True):
        file.write_bytes(content)
    return written


def _page(title: str, html: str) -> bytes:
    from markupsafe import escape

    head = f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
    return f"{head}<body>{html}</body></html>".encode()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gislr.view",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="parquet files")
    parser.add_argument("--root", default=".", help="folder from which the clips' paths count")
    parser.add_argument("--output", default="clips", help="folder for the pictures")
    arguments = parser.parse_args()
    with failures_in_one_line():
        for clip in arguments.clips:
            path = resolve_here(arguments.root) / clip
            for file in view_clip(path, resolve_here(arguments.output)):
                note(str(file))


if __name__ == "__main__":
    main()
