"""From clips of a store to the batches of rows that a model reads."""

from gislr.batches.assembly import Batch, assemble
from gislr.batches.augmentation import Augmentation
from gislr.batches.packing import Layout, layout_for, pack
from gislr.batches.sequences import OrderedBatches, TrainingBatches
from gislr.batches.settings import BatchSettings

__all__ = [
    "Augmentation",
    "Batch",
    "BatchSettings",
    "Layout",
    "OrderedBatches",
    "TrainingBatches",
    "assemble",
    "layout_for",
    "pack",
]
