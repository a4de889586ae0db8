"""The batches of a training and of a pass over clips, each built from its number alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gislr.batches.assembly import EMPTY, Batch, assemble
from gislr.batches.augmentation import Transform
from gislr.batches.packing import Layout
from gislr.batches.sampling import BalancedSampler
from gislr.data.store import Store


@dataclass(frozen=True)
class TrainingBatches:
    """Balanced random batches; the same (seed, epoch, step) always gives the same batch.

    Attributes:
        store: The prepared data.
        clips: int64, the clips that are trained on.
        layout: The shape of rows.
        samples_per_class: How many clips of each sign a batch holds.
        frame_masking: Probability that a frame is masked.
        seed: Decides every draw.
        augmentation: How clips are changed.
        soft_labels: float32 [clips of the store, signs]; each clip's label alone when `None`.
        class_balance: How equally often signs come, see `BalancedSampler`.
        size: How many clips a batch holds; `samples_per_class` of each sign when `None`.
    """

    store: Store
    clips: NDArray[np.int64]
    layout: Layout
    _: KW_ONLY
    samples_per_class: int
    frame_masking: float
    seed: int
    augmentation: Sequence[Transform] = ()
    soft_labels: NDArray[np.float32] | None = None
    class_balance: float = 1.0
    size: int | None = None

    @cached_property
    def _sampler(self) -> BalancedSampler:
        labels = self.store.clips.labels[self.clips]
        return BalancedSampler(labels, self.samples_per_class, self.class_balance, self.size)

    @property
    def batch_size(self) -> int:
        """Number of clips of a batch."""
        return self._sampler.batch_size

    @property
    def has_soft_labels(self) -> bool:
        """Whether batches have soft labels."""
        return self.soft_labels is not None

    @property
    def steps_per_epoch(self) -> int:
        """Clips // clips of a batch, as in the reference, and at least 1."""
        return max(1, len(self.clips) // self.batch_size)

    @property
    def paths(self) -> NDArray[np.str_]:
        """Where the clips came from that `Batch.clips` numbers."""
        return self.store.clips.paths

    def batch(self, epoch: int, step: int) -> Batch:
        """Builds one batch."""
        generator = np.random.default_rng([self.seed, epoch, step])
        clips = self.clips[self._sampler.draw(generator)]
        return assemble(
            self.store,
            clips,
            self.layout,
            frame_masking=self.frame_masking,
            generator=generator,
            augmentation=self.augmentation,
            soft_labels=self.soft_labels,
        )


@dataclass(frozen=True)
class OrderedBatches:
    """Every clip once, for evaluation and prediction.

    Attributes:
        store: The prepared data.
        clips: int64, the clips in the order in which results are wanted.
        layout: The shape of rows.
        frame_masking: Probability that a frame is masked; 0 but for the reference's predictions.
        batch_size: How many clips are packed together.
    """

    store: Store
    clips: NDArray[np.int64]
    layout: Layout
    frame_masking: float = 0.0
    batch_size: int = 512

    @property
    def steps(self) -> int:
        """Number of batches."""
        return -(-len(self.clips) // self.batch_size)

    def clips_of(self, step: int) -> NDArray[np.int64]:
        """Returns the clips of one batch, in order."""
        start = step * self.batch_size
        return self.clips[start : start + self.batch_size]

    def batch(self, step: int) -> Batch:
        """Builds one batch."""
        return assemble(
            self.store,
            self.clips_of(step),
            self.layout,
            frame_masking=self.frame_masking,
            generator=np.random.default_rng(step),
        )


def gather(
    values: NDArray[np.float32], members: NDArray[np.int64], clips: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Brings values of segments into the order of clips.

    Args:
        values: float32 [rows, segments, ...].
        members: int64 [rows, segments], the clip of each segment, -1 in an empty one.
        clips: int64 [clips], each in one segment.
    """
    used = members != EMPTY
    order = np.argsort(members[used], kind="stable")
    place = np.searchsorted(members[used][order], clips)
    return values[used][order][place]
