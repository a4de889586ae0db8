"""Mirroring: left and right of a clip change places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gislr.batches.augmentation import AUGMENTATIONS, Transform
from gislr.batches.clip_batch import ClipBatch


@AUGMENTATIONS.register("mirroring")
class Mirroring(Transform):
    """Mirrors the image, and swaps the landmarks of the left and the right side.

    Attributes:
        probability: Of each clip.
    """

    stage = "space"

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        rows = clips.frames_of(generator.random(len(clips)) < self.probability)
        mirrored = clips.frames[rows][:, clips.landmarks.reflection]
        mirrored[..., 0] = 1 - mirrored[..., 0]
        frames = clips.frames.copy()
        frames[rows] = mirrored
        return replace(clips, frames=frames)
