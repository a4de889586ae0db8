"""An auxiliary loss on the angles between clips and signs.

After Deng et al. 2019, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition".
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gislr.training.training_settings import ArcFaceSettings

_TINY = 1e-6


class ArcFace(keras.layers.Layer):
    """Returns the logits, and adds the loss of the clips' vectors.

    Input: logits [rows, segments, signs], clips [rows, segments, units], labels (int32 [rows,
    segments], or soft labels, float32 [rows, segments, signs]) and weights of segments [rows,
    segments].

    Args:
        settings: See `ArcFaceSettings`.
    """

    def __init__(self, settings: ArcFaceSettings, **options: Any) -> None:
        super().__init__(**options)
        self.settings = settings

    def build(
        self, logits_shape: Any, clips_shape: Any, labels_shape: Any, weight_shape: Any
    ) -> None:
        self.signs = int(logits_shape[-1])
        self.centers = self.add_weight(
            name="centers", shape=(int(clips_shape[-1]), self.signs), initializer="glorot_uniform"
        )

    def call(self, logits: Any, clips: Any, labels: Any, weight: Any) -> Any:
        targets = labels if len(labels.shape) == 3 else ops.one_hot(labels, self.signs)
        cosine = ops.matmul(_unit(clips, -1), _unit(self.centers, 0))
        cosine = ops.clip(cosine, -1 + _TINY, 1 - _TINY)
        margin = self.settings.margin
        # cos(angle + margin), continued downwards where the sum exceeds a half turn.
        shifted = cosine * math.cos(margin) - ops.sqrt(1 - cosine**2) * math.sin(margin)
        continued = cosine - margin * math.sin(margin)
        shifted = ops.where(cosine > -math.cos(margin), shifted, continued)
        logits_of_angles = self.settings.scale * (targets * shifted + (1 - targets) * cosine)
        loss = keras.losses.categorical_crossentropy(targets, logits_of_angles, from_logits=True)
        self.add_loss(self.settings.weight * ops.mean(loss * weight))
        return logits

    def compute_output_shape(
        self, logits_shape: Any, clips_shape: Any, labels_shape: Any, weight_shape: Any
    ) -> Any:
        return logits_shape


def _unit(values: Any, axis: int) -> Any:
    squares = ops.sum(ops.square(values), axis=axis, keepdims=True)
    return values / ops.sqrt(ops.maximum(squares, _TINY))
