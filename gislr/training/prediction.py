"""Probabilities of clips, by the same path as training: packed rows, then one vector a clip."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gislr.batches.packing import Layout
from gislr.batches.sequences import OrderedBatches, gather
from gislr.data.store import Store


class _Rows(keras.utils.PyDataset):
    """The rows of some clips, built ahead in the background; remembers which clip lies where."""

    def __init__(self, batches: OrderedBatches) -> None:
        super().__init__(workers=2, max_queue_size=4)
        self._batches = batches
        self.members: dict[int, NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return self._batches.steps

    def __getitem__(self, step: int) -> tuple[dict[str, Any]]:
        batch = self._batches.batch(step)
        self.members[step] = batch.clips
        return (batch.inputs(),)


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

    rows = _Rows(OrderedBatches(store, clips, layout, frame_masking))
    logits = model.predict(rows, verbose=0)
    members = np.concatenate([rows.members[step] for step in range(len(rows))])
    in_order = gather(logits, members, clips)
    return softmax(in_order.astype(np.float64), axis=-1).astype(np.float32)
