"""Logs a trained model with its signature."""

from __future__ import annotations

import logging
from typing import Any

from gislr.tracking.provenance import versions

ARTIFACT = "model"


def log_model(model: Any, signs: list[str]) -> None:
    """Logs a serving model into the active MLflow run.

    Args:
        model: See `gislr.models.serving`.
        signs: The glosses, in the order of the probabilities.
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
    found = versions()
    # MLflow warns of a missing input example; the signature above says the same.
    logging.getLogger("mlflow.models.model").setLevel(logging.ERROR)
    mlflow.keras.log_model(
        model,
        name=ARTIFACT,
        signature=signature,
        pip_requirements=[f"{name}=={found[name]}" for name in ("tensorflow", "keras", "numpy")],
        save_exported_model=False,
        metadata={"signs": signs},
    )
