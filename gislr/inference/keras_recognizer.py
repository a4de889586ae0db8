"""Recognizes signs with the Keras models of logged runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.data.preprocessing import pad, preprocess
from gislr.utils.errors import GislrError

if TYPE_CHECKING:
    from gislr.models.serving import TrainedModel
    from gislr.tracking.run_reader import LoggedRun

Float32 = NDArray[np.float32]

_AT_ONCE = 64


class KerasRecognizer:
    """One model, or several whose probabilities are averaged.

    Args:
        models: Models of the same signs and preprocessing.

    Attributes:
        models: The models.
        signs: The glosses.
        rejection_threshold: See `gislr.inference.Recognizer`; the mean over the models.
        preprocessing: How raw clips become what the models read.

    Raises:
        GislrError: The models do not know the same signs.
    """

    def __init__(self, models: Sequence[TrainedModel]) -> None:
        from gislr.models.serving import serving_model

        self.models = models
        self.signs = models[0].signs
        thresholds = [model.rejection_threshold for model in models]
        self.rejection_threshold = sum(thresholds) / len(thresholds)
        self.preprocessing = models[0].preprocessing
        known = (self.signs, self.preprocessing)
        if any((m.signs, m.preprocessing) != known for m in models):
            raise GislrError(
                "Models that are averaged must know the same signs and read the same landmarks and "
                "frames; these do not."
            )
        self.serving = serving_model(models)

    @classmethod
    def of_run(cls, run: LoggedRun) -> KerasRecognizer:
        """Returns the recognizer of a training, or of a final run of several seeds.

        Raises:
            GislrError: The run does not hold what is needed.
        """
        from gislr.inference.logged_models import trained_model

        return cls([trained_model(member) for member in run.members()])

    def probabilities(self, clips: Sequence[Float32]) -> Float32:
        """See `gislr.inference.Recognizer`."""
        found = [np.zeros((0, len(self.signs)), np.float32)]
        settings = self.preprocessing
        for start in range(0, len(clips), _AT_ONCE):
            some = [
                pad(preprocess(clip, settings), settings)
                for clip in clips[start : start + _AT_ONCE]
            ]
            frames, index = (np.stack(arrays) for arrays in zip(*some, strict=True))
            inputs = {"frames": frames, "frame_index": index}
            found.append(np.asarray(self.serving.predict_on_batch(inputs), np.float32))
        return np.concatenate(found)
