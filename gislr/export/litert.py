"""LiteRT: one `.tflite` file from raw landmarks to probabilities, as Kaggle's competition asks.

Input `inputs` float32 [frames, 543, 3] with NaN, any number of frames; output `outputs` float32
[signs]; signature `serving_default`; built-in operators only.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

from gislr.data.landmarks import LANDMARKS_PER_FRAME
from gislr.export import PRECISIONS
from gislr.export.graph import raw_graph
from gislr.inference.litert_recognizer import INPUT, LITERT_FILE, OUTPUT
from gislr.models.serving import TrainedModel
from gislr.utils.errors import GislrError, unknown_name
from gislr.utils.quiet import quiet_backend

SUBMISSION = "submission.zip"
MOST_MEGABYTES = 40


def litert(models: Sequence[TrainedModel], precision: str = "float32") -> bytes:
    """Returns the content of a `.tflite` file.

    Args:
        models: One model, or several which are averaged.
        precision: Of the weights, see `PRECISIONS`.

    Raises:
        GislrError: The precision is unknown, or Keras does not run on TensorFlow.
    """
    if precision not in PRECISIONS:
        raise unknown_name("precisions", precision, PRECISIONS)
    tf = tensorflow()
    module, function = graph_function(models)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    with quiet_backend():
        return bytes(converter.convert())


def graph_function(models: Sequence[TrainedModel]) -> tuple[Any, Any]:
    """Returns a `tf.Module` and its concrete function from raw landmarks to probabilities."""
    tf = tensorflow()
    recognize = raw_graph(models)
    shape = tf.TensorSpec((None, LANDMARKS_PER_FRAME, 3), tf.float32, name=INPUT)
    module = tf.Module()
    module.function = tf.function(lambda inputs: {OUTPUT: recognize(inputs)}, [shape])
    return module, module.function.get_concrete_function()


def tensorflow() -> Any:
    """Returns TensorFlow.

    Raises:
        GislrError: Keras runs on another backend.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise GislrError(
            f"Exporting needs Keras on TensorFlow; it runs on {keras.backend.backend()}. Take "
            "KERAS_BACKEND out of the environment: weights are the same on every backend."
        )
    import tensorflow as tf

    return tf


def submission(models: Sequence[bytes]) -> bytes | None:
    """Returns the content of `submission.zip`, or `None` where no model is small enough.

    Args:
        models: Contents of `.tflite` files, the most exact first; the first that the competition's
            40 MB allow is taken.
    """
    fitting = [model for model in models if len(model) <= MOST_MEGABYTES * 1e6]
    if not fitting:
        return None
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(LITERT_FILE, fitting[0])
    return content.getvalue()
