"""Temporal resampling: clips are played faster or slower."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gislr.batches.augmentation import AUGMENTATIONS, Transform
from gislr.batches.clip_batch import ClipBatch, frames_within
from gislr.utils.settings import NotNegative


@AUGMENTATIONS.register("temporal_resampling")
class TemporalResampling(Transform):
    """Repeats frames or leaves some out, evenly over a clip; none is interpolated.

    Attributes:
        probability: Of each clip.
        most: A clip becomes at most 1 + this times as long, or as short.
    """

    stage = "resampling"

    most: NotNegative

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        bound = np.log1p(self.most)
        factor = np.exp(generator.uniform(-bound, bound, len(clips)))
        chosen = generator.random(len(clips)) < self.probability
        lengths = np.where(chosen, np.rint(clips.lengths * factor), clips.lengths).astype(np.int64)
        lengths = np.clip(lengths, 1, np.maximum(clips.lengths, clips.most_frames))
        within = frames_within(lengths) * np.repeat(clips.lengths, lengths)
        within //= np.repeat(lengths, lengths)
        source = np.repeat(clips.starts, lengths) + within
        return replace(
            clips,
            frames=clips.frames[source],
            frame_index=clips.frame_index[source],
            valid=clips.valid[source],
            lengths=lengths,
        )
