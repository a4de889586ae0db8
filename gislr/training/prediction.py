"""Probabilities of clips, by the same path as training: packed rows, then one vector a clip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.batches.packing import Layout
from gislr.batches.sequences import OrderedBatches, gather
from gislr.data.store import Store


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
        clips: int64 [clips], in the order of the result.
        layout: The rows that the model was built for.
        frame_masking: Probability that a frame is masked; 0 but for the reference's predictions.
    """
    from scipy.special import softmax

    batches = OrderedBatches(store, clips, layout, frame_masking)
    probabilities = []
    for step in range(batches.steps):
        batch = batches.batch(step)
        logits = np.asarray(model.predict_on_batch(batch.inputs()))
        in_order = gather(logits, batch.clips, batches.clips_of(step))
        probabilities.append(softmax(in_order.astype(np.float64), axis=-1).astype(np.float32))
    return np.concatenate(probabilities)
