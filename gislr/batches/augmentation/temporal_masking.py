"""Temporal masking: some consecutive frames of a clip are left out."""

from __future__ import annotations

import numpy as np

from gislr.batches.augmentation import AUGMENTATIONS, Transform
from gislr.batches.clip_batch import ClipBatch
from gislr.utils.settings import Rate


@AUGMENTATIONS.register("temporal_masking")
class TemporalMasking(Transform):
    """Masks some consecutive frames.

    Attributes:
        probability: Of each clip.
        most: Share of the clip's frames that are masked at most.
    """

    stage = "masking"

    most: Rate

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        counts = clips.lengths * generator.uniform(0, self.most, len(clips))
        counts *= generator.random(len(clips)) < self.probability
        return clips.masked(~clips.runs(np.floor(counts), generator))
