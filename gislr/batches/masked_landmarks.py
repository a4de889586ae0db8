"""Masked landmarks: what a pretraining hides from a model, and has it predict.

A clip is cut into spans of frames, for each part anew, and some of the spans are masked; in others
every part is. Joints, frames and stretches of a hand are masked so by Hu et al. 2021, "SignBERT:
Pre-Training of Hand-Model-Aware Representation for Sign Language Recognition".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gislr.batches.assembly import Batch
from gislr.batches.packing import Layout
from gislr.batches.sequences import TrainingBatches
from gislr.data.landmark_statistics import Statistics
from gislr.data.landmarks import LandmarkSet
from gislr.data.store import Store
from gislr.utils.settings import Positive, Rate, Settings

_MASKS = 1
"""Keeps the draws of masks apart from those of clips, which have the same seed, epoch and step."""


class MaskingSettings(Settings):
    """The section `pretraining`: which landmarks are masked.

    Attributes:
        masked: Share of a clip's frames in which a part is masked, on average; each part by itself.
        masked_frames: Share of a clip's frames in which every part is, beside that.
        span: Frames of a span, which is masked as a whole.
    """

    masked: Annotated[float, Field(gt=0, lt=1)]
    masked_frames: Rate
    span: Positive


@dataclass(frozen=True)
class MaskedBatches:
    """Training batches with masked landmarks; equal (seed, epoch, step) give equal batches.

    Attributes:
        batches: What is masked.
        masking: How much of it.
        statistics: What targets are standardized with.
    """

    batches: TrainingBatches
    masking: MaskingSettings
    statistics: Statistics

    @property
    def store(self) -> Store:
        """The prepared data."""
        return self.batches.store

    @property
    def layout(self) -> Layout:
        """The shape of rows."""
        return self.batches.layout

    @property
    def batch_size(self) -> int:
        """Number of clips of a batch."""
        return self.batches.batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Clips // clips of a batch, and at least 1."""
        return self.batches.steps_per_epoch

    @property
    def paths(self) -> NDArray[np.str_]:
        """Where the clips came from that `Batch.clips` numbers."""
        return self.batches.paths

    def batch(self, epoch: int, step: int) -> Batch:
        """Builds one batch."""
        generator = np.random.default_rng([self.batches.seed, epoch, step, _MASKS])
        return self.masked(self.batches.batch(epoch, step), generator)

    def masked(self, batch: Batch, generator: np.random.Generator) -> Batch:
        """Returns a batch whose `frames` lack what is masked, and whose `targets` hold it.

        Args:
            batch: Any batch of the store.
            generator: Source of the draws.
        """
        hidden = draw_masks(
            batch.segment_ids,
            batch.labels.shape[1],
            self.store.preprocessing.landmark_set,
            self.masking,
            generator,
        )[..., None]
        standardized = (batch.frames - self.statistics.mean) / self.statistics.std
        return replace(
            batch,
            frames=np.where(hidden, np.float32(np.nan), batch.frames),
            targets=np.where(hidden, standardized, np.float32(np.nan)),
        )


def draw_masks(
    segment_ids: NDArray[np.int32],
    segments: int,
    landmarks: LandmarkSet,
    masking: MaskingSettings,
    generator: np.random.Generator,
) -> NDArray[np.bool_]:
    """Draws which landmarks of which frames are masked; none of an empty or masked position.

    Args:
        segment_ids: int32 [rows, row frames], from 1; 0 for an empty or masked position.
        segments: The most clips of a row.
        landmarks: The landmarks' parts.
        masking: How much is masked.
        generator: Source of the draws.

    Returns:
        bool [rows, row frames, landmarks].

    Example:
        >>> from gislr.data.landmarks import LANDMARKS
        >>> masking = MaskingSettings(masked=0.5, masked_frames=0.1, span=4)
        >>> ids = np.repeat(np.int32([[1, 2, 0]]), 20, axis=1)
        >>> masks = draw_masks(ids, 2, LANDMARKS["hands"], masking, np.random.default_rng(0))
        >>> masks.shape, bool(masks[ids == 0].any())
        ((1, 60, 42), False)
    """
    rows, width = segment_ids.shape
    sizes = [part.stop - part.start for part in landmarks.parts.values()]
    # The last group is all parts together.
    shares = np.array([*[masking.masked] * len(sizes), masking.masked_frames], np.float32)
    groups = np.arange(len(shares))
    shape = rows, segments + 1, len(shares)
    phases = generator.integers(masking.span, size=shape)
    drawn = generator.random((*shape, width // masking.span + 2), np.float32) < shares[:, None]
    row = np.arange(rows)[:, None]
    spans = (np.arange(width)[:, None] + phases[row, segment_ids]) // masking.span
    found = drawn[row[..., None], segment_ids[..., None], groups, spans]
    parts = (found[..., :-1] | found[..., -1:]) & (segment_ids > 0)[..., None]
    return np.repeat(parts, sizes, axis=-1)
