"""The registered model as MLflow loads it: raw landmarks or their files in, signs out.

MLflow runs this file when it loads the model, with a copy of the package beside it; it needs
NumPy, pyarrow and LiteRT, and no TensorFlow.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel

from gislr.data.clip_files import require_clip
from gislr.inference import check_landmarks, most_likely
from gislr.inference.litert_recognizer import LITERT_FILE, LiteRTRecognizer
from gislr.inference.registration import FILES
from gislr.utils.errors import DataError

_IS_SERVED = "_MLFLOW_IS_IN_SERVING_ENVIRONMENT"


class RawLandmarksModel(PythonModel):
    """Names the signs of clips."""

    def load_context(self, context: Any) -> None:
        """Opens the exported file that was logged with the model."""
        self._recognizer = LiteRTRecognizer.of_file(Path(context.artifacts[FILES]) / LITERT_FILE)

    def predict(
        # MLflow makes a schema of other type hints; none means "arrays or paths".
        self,
        context: Any,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Returns the most likely signs of one clip or several.

        Args:
            context: MLflow's.
            model_input: Landmarks of one clip, float [frames, 543, 3] with NaN where nothing was
                found; a list of such arrays; the path of a file of landmarks or a list of paths,
                but not where MLflow serves it: those who send requests may not name its files.
            params: Not used.

        Returns:
            A dictionary a clip: `signs`, the five most likely, `probabilities` of each,
            `has_hand`, and `sure`, false where it may be none of the signs.

        Raises:
            MlflowException: A clip cannot be used; its message goes to clients of a server.
        """
        try:
            clips = [_landmarks(clip) for clip in _clips(model_input)]
        except DataError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return [asdict(found) for found in most_likely(self._recognizer, clips)]


def _clips(given: Any) -> list[Any]:
    if isinstance(given, str | Path):
        return [given]
    if hasattr(given, "iloc"):
        return [value for row in given.to_numpy().tolist() for value in row]
    if isinstance(given, list | tuple) and all(
        isinstance(clip, str | Path) or getattr(clip, "ndim", 0) == 3 for clip in given
    ):
        return list(given)
    if getattr(given, "dtype", None) is not None and given.dtype.kind in "US":
        return list(given.ravel().tolist())
    return [given]


def _landmarks(clip: Any) -> Any:
    if not isinstance(clip, str | Path):
        return check_landmarks(clip)
    if os.environ.get(_IS_SERVED):
        raise DataError("A server needs landmarks, float [frames, 543, 3]; it opens no files.")
    return check_landmarks(require_clip(Path(clip)))


mlflow.models.set_model(RawLandmarksModel())
