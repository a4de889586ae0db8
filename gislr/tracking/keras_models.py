"""Logs trained models: the Keras model of every run, the served one of a final run."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

from gislr.tracking.provenance import installed
from gislr.utils.paths import PACKAGE

ARTIFACT = "model"
SERVED = "recognizer"
SERVED_FILES = "files"
"""Name, within the served model, of the folder with the exported file and its label map."""


def save_model(model: Any, signs: list[str], folder: Path) -> None:
    """Saves a serving model as MLflow's model.

    Args:
        model: See `gislr.models.serving`.
        signs: The glosses, in the order of the probabilities.
        folder: Where to; must not exist.
    """
    import mlflow.keras
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    def spec(tensor: Any, name: str) -> TensorSpec:
        return TensorSpec(np.dtype("float32"), (-1, *tensor.shape[1:]), name)

    signature = ModelSignature(
        inputs=Schema([spec(tensor, name) for name, tensor in model.input.items()]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, len(signs)))]),
    )
    mlflow.keras.save_model(
        model,
        str(folder),
        signature=signature,
        pip_requirements=installed("tensorflow", "keras", "numpy"),
        save_exported_model=False,
        metadata={"signs": signs},
    )


def log_served_model(folder: Path, run_id: str, signs: list[str]) -> str:
    """Logs an exported file into a run as a model that plain MLflow loads and serves.

    Args:
        folder: Holds `model.tflite` and the label map.
        run_id: The run, which has ended.
        signs: The glosses.

    Returns:
        The model's URI.
    """
    import mlflow

    # MLflow asks for type hints and an example; the model checks its input itself.
    for name in ("mlflow.models.model", "mlflow.pyfunc", "mlflow.pyfunc.utils.data_validation"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logged = mlflow.pyfunc.log_model(
            name=SERVED,
            python_model=str(PACKAGE / "tracking" / "served_model.py"),
            artifacts={SERVED_FILES: str(folder)},
            code_paths=[str(PACKAGE)],
            pip_requirements=installed("mlflow", "ai-edge-litert", "numpy", "pyarrow"),
            metadata={"signs": signs},
        )
    return str(logged.model_uri)
