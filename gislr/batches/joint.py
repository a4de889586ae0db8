"""Batches of two sets of clips that have signs of their own (`data.also`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.batches.assembly import EMPTY, Batch
from gislr.batches.sequences import TrainingBatches


@dataclass(frozen=True)
class JointBatches:
    """Every batch is one of each set; the labels and the clips of `also` follow those of `data`.

    Attributes:
        data: Batches of the data.
        also: Batches of `data.also`, of equal rows.
    """

    data: TrainingBatches
    also: TrainingBatches

    @property
    def batch_size(self) -> int:
        """Number of clips of a batch."""
        return self.data.batch_size + self.also.batch_size

    @property
    def has_soft_labels(self) -> bool:
        """Whether batches have soft labels."""
        return self.data.has_soft_labels

    @property
    def steps_per_epoch(self) -> int:
        """Clips of both sets // clips of a batch, and at least 1."""
        return max(1, (len(self.data.clips) + len(self.also.clips)) // self.batch_size)

    @property
    def paths(self) -> NDArray[np.str_]:
        """Where the clips came from that `Batch.clips` numbers."""
        return np.concatenate([self.data.paths, self.also.paths])

    def batch(self, epoch: int, step: int) -> Batch:
        """Builds one batch."""
        one, other = self.data.batch(epoch, step), self.also.batch(epoch, step)
        signs = len(self.data.store.signs), len(self.also.store.signs)
        used = other.clips != EMPTY
        soft_labels = None
        if one.soft_labels is not None:
            soft_labels = np.concatenate(
                [
                    np.pad(one.soft_labels, [(0, 0), (0, 0), (0, signs[1])]),
                    np.pad(_one_hot(other, signs[1]), [(0, 0), (0, 0), (signs[0], 0)]),
                ]
            )
        return Batch(
            frames=np.concatenate([one.frames, other.frames]),
            position=np.concatenate([one.position, other.position]),
            segment_ids=np.concatenate([one.segment_ids, other.segment_ids]),
            labels=np.concatenate([one.labels, other.labels + signs[0] * used.astype(np.int32)]),
            clips=np.concatenate(
                [one.clips, np.where(used, other.clips + len(self.data.store.clips), EMPTY)]
            ),
            soft_labels=soft_labels,
        )


def _one_hot(batch: Batch, signs: int) -> NDArray[np.float32]:
    return np.eye(signs, dtype=np.float32)[batch.labels] * (batch.clips != EMPTY)[..., None]
