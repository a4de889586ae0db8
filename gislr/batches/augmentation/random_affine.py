"""Random affine: a clip is rotated, scaled, shifted and sheared in the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gislr.batches.augmentation import AUGMENTATIONS, Transform
from gislr.batches.clip_batch import ClipBatch
from gislr.utils.settings import NotNegative

_CENTER = 0.5


@AUGMENTATIONS.register("random_affine")
class RandomAffine(Transform):
    """Maps x and y of all landmarks of a clip by one affine map around the image's center.

    Attributes:
        probability: Of each clip.
        rotation: Degrees at most, either way.
        scale: A clip becomes at most 1 + this times as large, or as small.
        shift: Share of the image at most, in x and in y, either way.
        shear: At most, either way; x changes by this times y.
    """

    stage = "space"

    rotation: NotNegative
    scale: NotNegative
    shift: NotNegative
    shear: NotNegative

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        chosen = generator.random(len(clips)) < self.probability

        def draw(most: float) -> NDArray[np.float64]:
            return generator.uniform(-most, most, len(clips)) * chosen

        angle, shear = np.deg2rad(draw(self.rotation)), draw(self.shear)
        size = np.exp(draw(np.log1p(self.scale)))
        cosine, sine = np.cos(angle) * size, np.sin(angle) * size
        matrix = np.array([[cosine, shear * cosine - sine], [sine, shear * sine + cosine]])
        shift = np.array([draw(self.shift), draw(self.shift)]) + _CENTER * (1 - matrix.sum(axis=1))
        x, y = clips.frames[..., 0], clips.frames[..., 1]
        frames = clips.frames.copy()
        for axis in range(2):
            of_x, of_y, added = (
                values.astype(np.float32)[clips.owner, None]
                for values in (*matrix[axis], shift[axis])
            )
            frames[..., axis] = x * of_x + y * of_y + added
        return replace(clips, frames=frames)
