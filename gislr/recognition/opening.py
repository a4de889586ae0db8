"""Opens a recogniser by what a person types: a file, a run or a registered model."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gislr.backend import quiet_backend
from gislr.errors import GislrError
from gislr.paths import resolve_here
from gislr.recognition.litert_recogniser import LITERT_FILE, LiteRTRecogniser
from gislr.recognition.recogniser import Recogniser
from gislr.tracking.store import TrackingSettings, connect

REGISTERED = "models:/"


def open_recogniser(settings: TrackingSettings, model: str) -> Recogniser:
    """Opens a recogniser.

    Args:
        settings: Where runs and registered models are kept.
        model: A `.tflite` file, `models:/NAME@ALIAS`, `models:/NAME/VERSION` or the id of a run.

    Raises:
        GislrError: There is none of this name, or it does not hold what is needed.
    """
    if model.endswith(".tflite"):
        return LiteRTRecogniser.of_file(resolve_here(model))
    if model.startswith(REGISTERED):
        return _registered(settings, model)
    with quiet_backend():
        from gislr.recognition.keras_recogniser import KerasRecogniser
        from gislr.tracking.logged import find_run
    return KerasRecogniser.of_run(find_run(settings, model))


def _registered(settings: TrackingSettings, model: str) -> LiteRTRecogniser:
    """Opens the file of a registered model, and runs none of the code that lies beside it."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    connect(settings, create=False)
    with tempfile.TemporaryDirectory() as folder:
        try:
            root = Path(download_artifacts(model, dst_path=folder))
        except (MlflowException, OSError):
            raise GislrError(
                f"model must be a registered one, such as models:/gislr@champion; there is no "
                f"{model!r}. gislr.final registers models."
            ) from None
        files = list(root.rglob(LITERT_FILE))
        if len(files) != 1:
            raise GislrError(f"{model} must hold {LITERT_FILE}, as models of gislr.final do.")
        return LiteRTRecogniser.of_file(files[0])
