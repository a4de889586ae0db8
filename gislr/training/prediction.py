"""Probabilities of clips, by the same path as training: packed rows, then one vector a clip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.batches.packing import Layout
from gislr.batches.sequences import OrderedBatches, gather
from gislr.data.store import Store
from gislr.training.batch_queue import BatchQueue


def predict(
    model: Any,
    store: Store,
    clips: NDArray[np.int64],
    layout: Layout,
    *,
    frame_masking: float = 0.0,
) -> NDArray[np.float32]:
    """Returns the probability of every sign for each clip, float32 [clips, signs].

    Args:
        model: A model of `gislr.models`.
        store: The prepared data.
        clips: int64 [clips], in the order of the result; each may stand in it once.
        layout: The rows that the model was built for.
        frame_masking: Probability that a frame is masked; 0 but for the reference's predictions.
    """
    from scipy.special import softmax

    batches = OrderedBatches(store, clips, layout, frame_masking)
    members: dict[int, NDArray[np.int64]] = {}

    def build(epoch: int, step: int) -> tuple[dict[str, Any]]:
        batch = batches.batch(step)
        members[step] = batch.clips
        return (batch.inputs(),)

    with BatchQueue(build, batches.steps) as queue:
        logits = model.predict(queue, verbose=0)
    in_order = gather(logits, np.concatenate([members[k] for k in range(batches.steps)]), clips)
    return softmax(in_order.astype(np.float64), axis=-1).astype(np.float32)
