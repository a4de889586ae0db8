"""The clips of a batch before they are packed: what augmentation reads and changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LandmarkSet

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class ClipBatch:
    """Clips, the frames of one after those of another. Arrays are never written to.

    Attributes:
        frames: float32 [frames, landmarks, axes], image coordinates; NaN where a landmark was not
            found.
        frame_index: float32 [frames], the number of each frame in its raw clip, from 0.
        valid: bool [frames]; other frames are masked, but stay in their places.
        lengths: int64 [clips], the number of frames of each clip, at least 1.
        most_frames: The most frames that a clip may have.
        landmarks: What the landmarks are.
    """

    frames: Float32
    frame_index: Float32
    valid: Bool
    lengths: Int64
    most_frames: int
    landmarks: LandmarkSet

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def starts(self) -> Int64:
        """The first frame of each clip, int64 [clips]."""
        return first_frames(self.lengths)

    @cached_property
    def owner(self) -> Int64:
        """The clip of each frame, int64 [frames]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @cached_property
    def within(self) -> Int64:
        """The place of each frame in its clip, int64 [frames]."""
        return frames_within(self.lengths)

    def frames_of(self, chosen: Bool) -> Int64:
        """Returns the frames of the chosen clips (bool [clips]), int64."""
        return np.flatnonzero(chosen[self.owner])

    def runs(self, counts: NDArray[np.float64], generator: np.random.Generator) -> Bool:
        """Draws consecutive frames of each clip, bool [frames].

        Args:
            counts: float64 [clips], whole numbers: how many of each, at most its length.
            generator: Source of the draws.
        """
        first = np.floor(generator.random(len(self)) * (self.lengths - counts + 1))
        inside = self.within - first[self.owner]
        return (inside >= 0) & (inside < counts[self.owner])

    def masked(self, kept: Bool) -> ClipBatch:
        """Returns the batch with only the valid frames of `kept`; a clip without any stays."""
        return replace(self, valid=some_of_each(self.valid & kept, self.valid, self.lengths))

    def without_some(
        self, groups: Iterable[slice], probability: float, generator: np.random.Generator
    ) -> ClipBatch:
        """Returns the batch in which some landmarks are missing, in the whole clip.

        Args:
            groups: Landmarks that are missing together.
            probability: Of each group of each clip.
            generator: Source of the draws.
        """
        missing = np.zeros((len(self), len(self.landmarks), 1), np.float32)
        for group in groups:
            missing[generator.random(len(self)) < probability, group] = np.nan
        return replace(self, frames=self.frames + missing[self.owner])


def first_frames(lengths: Int64) -> Int64:
    """Returns the first frame of each clip among the frames of all, int64 [clips]."""
    return np.cumsum(lengths) - lengths


def frames_within(lengths: Int64) -> Int64:
    """Returns the place of each frame in its clip, int64 [frames].

    Example:
        >>> frames_within(np.array([2, 3])).tolist()
        [0, 1, 0, 1, 2]
    """
    return np.arange(lengths.sum()) - np.repeat(first_frames(lengths), lengths)


def some_of_each(kept: Bool, otherwise: Bool, lengths: Int64) -> Bool:
    """Returns `kept`, and `otherwise` for the clips of which it keeps no frame.

    Args:
        kept: bool [frames], the clips' frames one after another.
        otherwise: bool [frames].
        lengths: int64 [clips], at least 1 each.
    """
    none = np.add.reduceat(kept, first_frames(lengths), dtype=np.int64) == 0
    return np.where(np.repeat(none, lengths), otherwise, kept)
