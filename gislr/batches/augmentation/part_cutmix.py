"""CutMix of parts: a part of a clip comes from another clip of the same sign."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gislr.batches.augmentation import AUGMENTATIONS, Transform
from gislr.batches.clip_batch import ClipBatch


@AUGMENTATIONS.register("part_cutmix")
class PartCutMix(Transform):
    """Takes parts from another clip of the batch that shows the same sign.

    Frames that lie as far into the other clip give theirs. After Yun et al. 2019, "CutMix".

    Attributes:
        probability: Of each part of each clip, the dominant hand excepted.
    """

    stage = "mixing"

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        by_label = np.argsort(clips.labels, kind="stable")
        first = np.searchsorted(clips.labels[by_label], clips.labels)
        others = by_label[first + generator.integers(np.bincount(clips.labels)[clips.labels])]
        frames = clips.frames.copy()
        for part in clips.landmarks.parts_but_the_hand:
            rows = clips.frames_of(generator.random(len(clips)) < self.probability)
            frames[rows, part] = clips.frames[clips.aligned(others, rows), part]
        return replace(clips, frames=frames)
