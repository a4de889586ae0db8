"""Puts the page together: its code, the runtime, the model, the clips that it offers."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from gislr.data.preparation import PreparationSettings
from gislr.data.raw_clips import write_clip
from gislr.data.sources import SOURCES
from gislr.inference.litert_recognizer import FIXED_FRAMES, LITERT_FILE, LiteRTRecognizer
from gislr.utils.errors import GislrError
from gislr.utils.paths import config_folder
from gislr.utils.terminal import progress_bars
from gislr.web.page_files import PageFiles, drawing, page_and_shared

Clips = Mapping[str, NDArray[np.float32]]
"""By name, float32 [frames, 543, 3]."""

_SIMULATED_CLIPS = 4


def demo_page(
    recognizer: LiteRTRecognizer, title: str, clips: Clips, packages: PageFiles
) -> PageFiles:
    """Returns the files of the page.

    Args:
        recognizer: The model, an exported file.
        title: The model's name.
        clips: The clips that the page offers.
        packages: The files of `gislr.web.npm_packages` that it needs.

    Raises:
        GislrError: The model was exported before browsers could run it.
    """
    if not recognizer.fixed_length:
        raise GislrError(
            "A page needs a model that reads clips of a fixed length, which this file, written by "
            "an older gislr, does not; export the model once more."
        )
    samples = {f"samples/{number}.parquet": clip for number, clip in enumerate(clips.values(), 1)}
    about = {
        "title": title,
        "signs": recognizer.signs,
        "rejection_threshold": recognizer.rejection_threshold,
        "frames": FIXED_FRAMES,
        "samples": [
            {"name": name, "file": file} for name, file in zip(clips, samples, strict=True)
        ],
        **drawing(),
    }
    return {
        **page_and_shared(Path(__file__).with_name("page")),
        **packages,
        LITERT_FILE: recognizer.content,
        "about.json": json.dumps(about).encode(),
        **{file: _parquet(clip) for file, clip in samples.items()},
    }


def simulated_clips() -> Clips:
    """Returns a few clips of the embedded sample."""
    section: Any = OmegaConf.to_container(OmegaConf.load(config_folder() / "data/sample.yaml"))
    section["clips"] = section["signs"]  # the whole sample takes a minute
    with progress_bars() as progress:
        preparation = PreparationSettings(cache=".cache", workers=None)
        listing = SOURCES.read(section).listing(preparation, progress)
    chosen = np.argsort(listing.paths)[:_SIMULATED_CLIPS].tolist()
    return {f"Simulated clip {k}": listing.read(clip) for k, clip in enumerate(chosen, 1)}


def _parquet(clip: NDArray[np.float32]) -> bytes:
    content = io.BytesIO()
    write_clip(content, clip)
    return content.getvalue()
