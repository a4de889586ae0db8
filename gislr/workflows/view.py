"""Draws clips' landmarks: an animation (GIF and HTML) and a strip of frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from gislr.batches.clip_batch import ClipBatch
from gislr.config.configuration import Configuration, read_configuration
from gislr.data.clip_files import require_clip
from gislr.data.preprocessing import preprocess
from gislr.evaluation.figures import clip_figures
from gislr.evaluation.reports.page import POLICY, png
from gislr.utils.errors import DataError
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Text
from gislr.workflows.command_settings import CommandSettings, read_command

_VERSIONS = 5


def view_clip(path: Path, folder: Path) -> list[Path]:
    """Writes an animation of a clip and a strip of its frames into a folder.

    Returns:
        The GIF, the HTML page and the PNG.

    Raises:
        DataError: The file is not a clip.
    """
    landmarks = require_clip(path)
    gif, html = clip_figures.animation(landmarks, path.stem)
    written = [folder / f"{path.stem}{suffix}" for suffix in (".gif", ".html", ".png")]
    folder.mkdir(parents=True, exist_ok=True)
    strip = png(clip_figures.strip({"": landmarks}, path.stem))
    for file, content in zip(written, (gif, _page(path.stem, html), strip), strict=True):
        file.write_bytes(content)
    return written


def view_augmentation(
    configuration: Configuration, paths: Sequence[Path], folder: Path
) -> list[Path]:
    """Draws prepared clips, and several augmented versions of each.

    Args:
        configuration: Holds the preprocessing and the augmentation.
        paths: Parquet files of clips, which are mixed as if they were of the same sign.
        folder: Output folder.

    Returns:
        One PNG per clip.

    Raises:
        DataError: A file is not a clip, or contains no hand.
    """
    settings = configuration.preprocessing
    clips = []
    for path in paths:
        clip = preprocess(require_clip(path), settings)
        if clip is None:
            raise DataError(f"{path} must contain a hand to be augmented; it contains none.")
        clips.append(clip)
    frame_index = np.concatenate([clip.frame_index for clip in clips])
    prepared = ClipBatch(
        frames=np.concatenate([clip.frames for clip in clips])[..., : settings.shape[1]],
        frame_index=frame_index,
        valid=np.ones(len(frame_index), bool),
        lengths=np.array([len(clip.frames) for clip in clips]),
        most_frames=settings.frames,
        landmarks=settings.landmark_set,
    )
    versions = {"prepared": prepared}
    for seed in range(1, _VERSIONS + 1):
        generator, changed = np.random.default_rng(seed), prepared
        for transform in configuration.augmentation:
            changed = transform(changed, generator)
        versions[f"augmented {seed}"] = changed
    drawn = [
        {
            name: clip_figures.whole_frames(
                batch.frames[batch.valid & (batch.owner == k)],
                settings.landmark_set,
                left_dominant=clip.left_dominant,
            )
            for name, batch in versions.items()
        }
        for k, clip in enumerate(clips)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{path.stem}_augmented.png" for path in paths]
    for path, file, strips in zip(paths, written, drawn, strict=True):
        file.write_bytes(png(clip_figures.strip(strips, f"{path.stem}, augmented")))
    return written


def _page(title: str, html: str) -> bytes:
    from markupsafe import escape

    head = f'<meta charset="utf-8">{POLICY}<title>{escape(title)}</title>'
    return f"<!doctype html><html><head>{head}</head><body>{html}</body></html>".encode()


class ViewSettings(CommandSettings):
    """Settings of `gislr view`; `conf/view.yaml` explains the keys."""

    clips: list[Text]
    root: Text
    output: Text


def view(config: DictConfig) -> list[Path]:
    """Draws clips, or augmented versions of them if an augmentation is chosen.

    Returns:
        The written files.

    Raises:
        GislrError: A file is not a clip, or the configuration is invalid.
    """
    settings = read_command(ViewSettings, config)
    configuration = read_configuration(config)
    folder = resolve_here(settings.output)
    paths = [resolve_here(settings.root) / clip for clip in settings.clips]
    if configuration.augmentation:
        written = view_augmentation(configuration, paths, folder)
    else:
        written = [file for path in paths for file in view_clip(path, folder)]
    for file in written:
        log.info(str(file))
    return written
