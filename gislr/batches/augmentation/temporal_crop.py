"""Temporal crop: only some consecutive frames of a clip stay."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gislr.batches.augmentation import AUGMENTATIONS, Transform
from gislr.batches.clip_batch import ClipBatch


@AUGMENTATIONS.register("temporal_crop")
class TemporalCrop(Transform):
    """Masks the beginning and the end of a clip.

    Attributes:
        probability: Of each clip.
        least: Share of the clip's frames that stay at least.
    """

    stage = "masking"

    least: Annotated[float, Field(gt=0, le=1)]

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        share = generator.uniform(self.least, 1, len(clips))
        share[generator.random(len(clips)) >= self.probability] = 1
        return clips.masked(clips.runs(np.ceil(clips.lengths * share), generator))
