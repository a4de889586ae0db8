"""Draws clips' landmarks: an animation (GIF and HTML) and a strip of frames.

python -m gislr.view train_landmark_files/2044/635217.parquet --root DIR
python -m gislr.view CLIP.parquet... --output FOLDER
python -m gislr.view CLIP.parquet --augmentation standard
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gislr.commands import argument_parser, failures_in_one_line
from gislr.configuration import default_configuration
from gislr.errors import DataError
from gislr.paths import resolve_here
from gislr.terminal import note

if TYPE_CHECKING:
    pass

_VERSIONS = 5


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
    from gislr.data.raw_clips import require_clip
    from gislr.evaluation import clip_figures
    from gislr.pages import png

    landmarks = require_clip(path)
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


def view_augmentation(path: Path, folder: Path, name: str) -> Path:
    """Draws a clip as it is prepared, and as augmentation changes it in training.

    Args:
        path: Its parquet file.
        folder: Where to.
        name: The augmentation, a file of `conf/augmentation/`.

    Raises:
        GislrError: The file is no clip, shows no hand, or there is no such augmentation.
    """
    import numpy as np

    from gislr.data.preprocessing import preprocess
    from gislr.data.raw_clips import require_clip
    from gislr.evaluation import clip_figures
    from gislr.pages import png

    configuration = default_configuration(f"augmentation={name}")
    augmentation, settings = configuration.augmentation, configuration.preprocessing
    clip = preprocess(require_clip(path), settings)
    if clip is None or augmentation is None:
        raise DataError(f"{path} must show a hand to be changed as in training; it shows none.")
    frames = clip.frames[..., : len(settings.axes)]
    versions = {"as prepared": frames} | {
        f"changed, {seed}": augmentation.clip(frames, settings, np.random.default_rng(seed))
        for seed in range(1, _VERSIONS + 1)
    }
    drawn = {
        label: clip_figures.whole_frames(
            version, settings.landmark_set, left_dominant=clip.left_dominant
        )
        for label, version in versions.items()
    }
    written = folder / f"{path.stem}_{name}.png"
    folder.mkdir(parents=True, exist_ok=True)
    written.write_bytes(png(clip_figures.strips(drawn, f"{path.stem}, {name} augmentation")))
    return written


def _page(title: str, html: str) -> bytes:
    from markupsafe import escape

    head = f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
    return f"{head}<body>{html}</body></html>".encode()


def main() -> None:
    """Reads the command line."""
    parser = argument_parser("view", __doc__)
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="parquet files")
    parser.add_argument("--root", default=".", help="folder from which the clips' paths count")
    parser.add_argument("--augmentation", metavar="NAME", help="show what it changes, instead")
    parser.add_argument("--output", default="clips", help="folder for the pictures")
    arguments = parser.parse_args()
    with failures_in_one_line():
        for clip in arguments.clips:
            path = resolve_here(arguments.root) / clip
            folder = resolve_here(arguments.output)
            if arguments.augmentation:
                note(str(view_augmentation(path, folder, arguments.augmentation)))
                continue
            for file in view_clip(path, folder):
                note(str(file))


if __name__ == "__main__":
    main()
