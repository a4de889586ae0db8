"""From clips of a store to the batches of rows that a model reads."""

from gislr.batches.assembly import Batch, assemble
from gislr.batches.joint import JointBatches
from gislr.batches.masked_landmarks import MaskedBatches, MaskingSettings
from gislr.batches.packing import Layout, layout_for, pack
from gislr.batches.sampling import BatchSettings
from gislr.batches.sequences import OrderedBatches, TrainingBatches

__all__ = [
    "Batch",
    "BatchSettings",
    "JointBatches",
    "Layout",
    "MaskedBatches",
    "MaskingSettings",
    "OrderedBatches",
    "TrainingBatches",
    "assemble",
    "layout_for",
    "pack",
]
