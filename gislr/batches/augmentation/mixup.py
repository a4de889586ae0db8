"""MixUp: a clip is blended with any other of its batch, signs included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gislr.batches.augmentation import AUGMENTATIONS, Transform
from gislr.batches.clip_batch import ClipBatch, Float32
from gislr.utils.settings import AboveZero


@AUGMENTATIONS.register("mixup")
class MixUp(Transform):
    """Blends landmarks and soft labels of two clips, after Zhang et al. 2018, "mixup".

    Frames that lie as far into the other clip are blended in; a landmark that either clip misses
    stays as it is.

    Attributes:
        probability: Of each clip.
        alpha: Blends are drawn from Beta(alpha, alpha); the clip itself has the larger share.
    """

    stage = "mixing"
    mixes_signs = True

    alpha: AboveZero

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        others = generator.permutation(len(clips))
        drawn = generator.beta(self.alpha, self.alpha, len(clips))
        share: Float32 = np.maximum(drawn, 1 - drawn).astype(np.float32)
        share[generator.random(len(clips)) >= self.probability] = 1
        rows = clips.frames_of(share < 1)
        own, other = clips.frames[rows], clips.frames[clips.aligned(others, rows)]
        weight = share[clips.owner[rows], None, None]
        blended = weight * own + (1 - weight) * other
        frames = clips.frames.copy()
        frames[rows] = np.where(np.isnan(blended), own, blended)
        labels = clips.soft_labels
        if labels is None:
            labels = np.eye(clips.signs, dtype=np.float32)[clips.labels]
        weight = share[:, None]
        return replace(
            clips, frames=frames, soft_labels=weight * labels + (1 - weight) * labels[others]
        )
