"""Recognises signs in raw landmarks with a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.preprocessing import EMPTY_CLIP, pad, preprocess

if TYPE_CHECKING:
    from gislr.tracking.logged import LoggedRun

Float32 = NDArray[np.float32]

_AT_ONCE = 64


class Recogniser:
    """A model with what it needs to read raw landmarks.

    Args:
        model: A serving model, see `gislr.models.serving`.
        signs: The glosses, in the order of its probabilities.
        most_frames: The most frames of a clip.

    Attributes:
        signs: The glosses.
    """

    def __init__(self, model: Any, signs: list[str], most_frames: int) -> None:
        self.signs = signs
        self._model = model
        self._most_frames = most_frames

    @classmethod
    def of_run(cls, run: LoggedRun) -> Recogniser:
        """Builds the model of a run and loads its weights.

        Raises:
            GislrError: The run does not hold what is needed.
        """
        from gislr.batches.packing import Layout
        from gislr.models.registry import build_model
        from gislr.models.serving import serving_model

        configuration = run.configuration()
        signs, most_frames = run.signs(), configuration.preprocessing.frames
        model = build_model(
            configuration.model,
            signs=len(signs),
            layout=Layout(most_frames, slots=1, packed=False),
            most_frames=most_frames,
            precision="float32",
        )
        run.load_weights(model)
        serving = serving_model(
            model, configuration.model, signs=len(signs), most_frames=most_frames
        )
        return cls(serving, signs, most_frames)

    def probabilities(self, clips: Sequence[Float32]) -> Float32:
        """Returns the probability of every sign for each clip, float32 [clips, signs].

        Args:
            clips: float32 [frames, 543, 3] each, NaN where nothing was found. A clip without a
                hand is no sign in particular; its probabilities are finite all the same.

        Raises:
            DataError: A clip has another shape.
        """
        found = [np.zeros((0, len(self.signs)), np.float32)]
        for start in range(0, len(clips), _AT_ONCE):
            some = [
                pad(preprocess(clip, self._most_frames) or EMPTY_CLIP, self._most_frames)
                for clip in clips[start : start + _AT_ONCE]
            ]
            frames, index = (np.stack(arrays) for arrays in zip(*some, strict=True))
            inputs = {"frames": frames, "frame_index": index}
            found.append(np.asarray(self._model.predict_on_batch(inputs), np.float32))
        return np.concatenate(found)
