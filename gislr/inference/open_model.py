"""Opens a recognizer by what a person types: a file, a run or a registered model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gislr.config.tracking_settings import TrackingSettings
from gislr.inference.litert_recognizer import LITERT_FILE, LiteRTRecognizer
from gislr.tracking.run_search import REGISTERED, not_registered
from gislr.tracking.tracking_store import connect
from gislr.utils.errors import GislrError
from gislr.utils.paths import resolve_here
from gislr.utils.quiet import quiet_backend

if TYPE_CHECKING:
    from gislr.inference.keras_recognizer import KerasRecognizer


def open_recognizer(settings: TrackingSettings, model: str) -> LiteRTRecognizer | KerasRecognizer:
    """Opens a recognizer.

    Args:
        settings: Where runs and registered models are kept.
        model: A `.tflite` file, `models:/NAME@ALIAS`, `models:/NAME/VERSION` or the id of a run.

    Raises:
        GislrError: There is none of this name, or it does not hold what is needed.
    """
    if model.endswith(".tflite"):
        return LiteRTRecognizer.of_file(resolve_here(model))
    if model.startswith(REGISTERED):
        return _registered(settings, model)
    with quiet_backend():
        from gislr.inference.keras_recognizer import KerasRecognizer
        from gislr.tracking.run_search import find_run
    return KerasRecognizer.of_run(find_run(settings, model))


def _registered(settings: TrackingSettings, model: str) -> LiteRTRecognizer:
    """Opens the file of a registered model, and runs none of the code that lies beside it."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    connect(settings, create=False)
    with tempfile.TemporaryDirectory() as folder:
        try:
            root = Path(download_artifacts(model, dst_path=folder))
        except (MlflowException, OSError):
            raise not_registered(model) from None
        files = list(root.rglob(LITERT_FILE))
        if len(files) != 1:
            raise GislrError(f"{model} must hold {LITERT_FILE}, as models of gislr.final do.")
        return LiteRTRecognizer.of_file(files[0])
