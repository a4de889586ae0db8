"""LiteRT: one `.tflite` file from raw landmarks to probabilities, as Kaggle's competition asks.

Signature `serving_default`: input `inputs` float32 [frames, 543, 3] with NaN, any number of frames;
output `outputs` float32 [signs]. Signature `fixed_length`, for runtimes that cannot resize inputs,
as in browsers and on phones: `inputs` float32 [256, 543, 3], of which the first `length` int32
frames are the clip. Built-in operators only; the signatures share their weights.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Sequence
from typing import Any

from gislr.data.landmarks import LANDMARKS_PER_FRAME
from gislr.export import PRECISIONS
from gislr.export.graph import raw_graph
from gislr.inference.litert_recognizer import (
    FIXED_FRAMES,
    FIXED_SIGNATURE,
    INPUT,
    LENGTH,
    LITERT_FILE,
    OUTPUT,
    SIGNATURE,
)
from gislr.models.serving import TrainedModel
from gislr.utils.errors import GislrError, unknown_name
from gislr.utils.quiet import quiet_backend

SUBMISSION = "submission.zip"
MOST_MEGABYTES = 40


def litert(
    models: Sequence[TrainedModel], precisions: Sequence[str] = PRECISIONS[:1]
) -> list[bytes]:
    """Returns the contents of `.tflite` files, one for each precision.

    Args:
        models: One model, or several which are averaged.
        precisions: Of the weights, see `PRECISIONS`.

    Raises:
        GislrError: A precision is unknown, or Keras does not run on TensorFlow.
    """
    for precision in precisions:
        if precision not in PRECISIONS:
            raise unknown_name("precisions", precision, PRECISIONS)
    tf = tensorflow()
    module, function = graph_function(models)
    signatures = {SIGNATURE: function, FIXED_SIGNATURE: module.fixed.get_concrete_function()}
    found = []
    with quiet_backend(), tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=signatures)
        for precision in precisions:
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, list(signatures))
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            if precision != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "float16":
                converter.target_spec.supported_types = [tf.float16]
            found.append(bytes(converter.convert()))
    return found


def graph_function(models: Sequence[TrainedModel]) -> tuple[Any, Any]:
    """Returns a `tf.Module` and its concrete function from raw landmarks to probabilities.

    The module's `fixed` is the same for clips padded to `FIXED_FRAMES`.
    """
    tf = tensorflow()
    recognize = raw_graph(models)

    def landmarks(frames: int | None) -> Any:
        return tf.TensorSpec((frames, LANDMARKS_PER_FRAME, 3), tf.float32, name=INPUT)

    module = tf.Module()
    module.function = tf.function(lambda inputs: {OUTPUT: recognize(inputs)}, [landmarks(None)])
    module.fixed = tf.function(
        lambda inputs, length: {OUTPUT: recognize(inputs, length)},
        [landmarks(FIXED_FRAMES), tf.TensorSpec((), tf.int32, name=LENGTH)],
    )
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
