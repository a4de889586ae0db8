"""Finger dropout: a finger of a clip is missing."""

from __future__ import annotations

import numpy as np

from gislr.batches.augmentation import AUGMENTATIONS, Transform
from gislr.batches.clip_batch import ClipBatch


@AUGMENTATIONS.register("finger_dropout")
class FingerDropout(Transform):
    """Drops all landmarks of a finger, in the whole clip; wrists stay.

    Attributes:
        probability: Of each finger of each clip.
    """

    stage = "dropout"

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        return clips.without_some(clips.landmarks.fingers, self.probability, generator)
