"""Part dropout: a part of a clip is missing."""

from __future__ import annotations

import numpy as np

from gislr.batches.augmentation import AUGMENTATIONS, Transform
from gislr.batches.clip_batch import ClipBatch


@AUGMENTATIONS.register("part_dropout")
class PartDropout(Transform):
    """Drops all landmarks of a part, in the whole clip.

    Attributes:
        probability: Of each part of each clip, the dominant hand excepted.
    """

    stage = "dropout"

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        parts = clips.landmarks.parts_but_the_hand
        return clips.without_some(parts, self.probability, generator)
