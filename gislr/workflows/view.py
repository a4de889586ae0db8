"""Draws clips' landmarks: an animation (GIF and HTML) and a strip of frames."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.config.configuration import Configuration, read_configuration
from gislr.data.listing import Listing
from gislr.data.preprocessing import PreparedClip, PreprocessingSettings, preprocess
from gislr.data.shards import frame_block
from gislr.data.store import Store, open_store
from gislr.data.store_writer import write_store
from gislr.utils.errors import DataError
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Text
from gislr.workflows.command_settings import CommandSettings, read_command

if TYPE_CHECKING:
    from omegaconf import DictConfig

Float32 = NDArray[np.float32]

_VERSIONS = 5


def view_clip(path: Path, folder: Path) -> list[Path]:
    """Writes an animation of a clip and a strip of its frames.

    Args:
        path: The clip's parquet file.
        folder: Output folder.

    Returns:
        The GIF, the HTML page and the PNG.

    Raises:
        DataError: The file is not a clip.
    """
    from gislr.data.raw_clips import require_clip
    from gislr.evaluation.figures import clip_figures
    from gislr.evaluation.reports.page import png

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
    from gislr.batches import assemble, layout_for
    from gislr.data.raw_clips import require_clip
    from gislr.evaluation.figures import clip_figures
    from gislr.evaluation.reports.page import png

    settings = configuration.preprocessing
    clips = [preprocess(require_clip(path), settings) for path in paths]
    for path, clip in zip(paths, clips, strict=True):
        if clip is None:
            raise DataError(f"{path} must contain a hand to be augmented; it contains none.")
    layout = layout_for(settings.frames, packed=False)
    drawn: list[dict[str, Float32]] = [{} for _ in paths]
    with tempfile.TemporaryDirectory() as temporary:
        store = _store_of(clips, settings, Path(temporary) / "store")
        for seed in range(_VERSIONS + 1):
            batch = assemble(
                store,
                np.arange(len(paths)),
                layout,
                generator=np.random.default_rng(seed),
                augmentation=configuration.augmentation if seed else (),
            )
            for k, versions in enumerate(drawn):
                versions[f"augmented {seed}" if seed else "prepared"] = clip_figures.whole_frames(
                    batch.frames[k][batch.segment_ids[k] > 0],
                    settings.landmark_set,
                    left_dominant=bool(store.clips.left_dominant[k]),
                )
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{path.stem}_augmented.png" for path in paths]
    for path, file, versions in zip(paths, written, drawn, strict=True):
        file.write_bytes(png(clip_figures.strip(versions, f"{path.stem}, augmented")))
    return written


def _store_of(
    clips: Sequence[PreparedClip | None], settings: PreprocessingSettings, folder: Path
) -> Store:
    """Returns clips as a store, all of one sign."""
    names = [str(k) for k in range(len(clips))]
    block = frame_block(clips, [0] * len(clips), settings)
    labels = np.zeros(len(clips), np.int32)
    listing = Listing(folder, names, names, names, labels, ["sign"])
    write_store(folder, [block], listing, settings, len(block.frames))
    return open_store(folder, settings.axes)


def _page(title: str, html: str) -> bytes:
    from markupsafe import escape

    head = f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
    return f"{head}<body>{html}</body></html>".encode()


class ViewSettings(CommandSettings):
    """Settings of `gislr view`; `conf/view.yaml` explains the keys."""

    clips: list[Text]
    root: Text
    output: Text


def view(config: DictConfig) -> list[Path]:
    """Draws clips, or augmented versions of them if an augmentation is chosen.

    Args:
        config: A composed `conf/view.yaml`.

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
