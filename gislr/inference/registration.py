"""Logs an exported file as a model that plain MLflow loads and serves."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

from gislr.tracking.provenance import installed
from gislr.utils.paths import PACKAGE

NAME = "recognizer"

FILES = "files"
"""The artifact, within the served model, that holds the exported file and its label map."""


def log_served_model(folder: Path, run_id: str, signs: list[str]) -> str:
    """Logs an exported file into a run; see `gislr.inference.served_model`.

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
            name=NAME,
            python_model=str(Path(__file__).with_name("served_model.py")),
            artifacts={FILES: str(folder)},
            code_paths=[str(PACKAGE)],
            pip_requirements=installed("mlflow", "ai-edge-litert", "numpy", "pyarrow"),
            metadata={"signs": signs},
        )
    return str(logged.model_uri)
