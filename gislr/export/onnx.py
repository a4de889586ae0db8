"""ONNX: the same graph for onnxruntime, input `inputs` and output `outputs` as in LiteRT."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.export.litert import graph_function
from gislr.inference.litert_recognizer import INPUT, OUTPUT
from gislr.models.serving import TrainedModel
from gislr.utils.errors import GislrError
from gislr.utils.quiet import quiet_backend

Float32 = NDArray[np.float32]

ONNX_FILE = "model.onnx"

_OPERATORS = 17
"""Version of ONNX' operators: old enough for runtimes of 2022."""


def onnx(models: Sequence[TrainedModel]) -> bytes:
    """Returns the content of an `.onnx` file.

    Args:
        models: One model, or several which are averaged.

    Raises:
        GislrError: tf2onnx is missing, or Keras does not run on TensorFlow.
    """
    with quiet_backend():
        try:
            import tf2onnx
        except ImportError:
            raise _missing() from None
        from tf2onnx.tfonnx import process_tf_graph
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    _, function = graph_function(models)
    inputs, output = function.graph.inputs[0].name, function.outputs[0].name
    with quiet_backend(), function.graph.as_default():
        converted = process_tf_graph(
            function.graph,
            opset=_OPERATORS,
            input_names=[inputs],
            output_names=[output],
            tensors_to_rename={inputs: INPUT, output: OUTPUT},
            custom_op_handlers={"Erfc": (_complementary_error, [])},
        )
    written = tf2onnx.optimizer.optimize_graph(converted).make_model("gislr")
    return bytes(written.SerializeToString())


def _complementary_error(context: Any, node: Any, name: str, arguments: Any) -> Any:
    """Writes TensorFlow's Erfc, which ONNX lacks, as 1 - Erf."""
    output, shape, dtype = node.output[0], context.get_shape(node.output[0]), node.inputs[0]
    kind = context.get_dtype(dtype.output[0])
    context.remove_node(node.name)
    one = context.make_const(f"{name}_one", np.ones((), np.float32))
    error = context.make_node("Erf", node.input, name=f"{name}_erf")
    return context.make_node(
        "Sub", [one.output[0], error.output[0]], name=name, outputs=[output],
        shapes=[shape], dtypes=[kind],
    )  # fmt: skip


class ONNXRecognizer:
    """An `.onnx` file that reads raw landmarks, on one core.

    Args:
        model: The file, or its content.
        signs: The glosses, in the order of its probabilities.

    Attributes:
        signs: The glosses.
    """

    def __init__(self, model: Path | bytes, signs: list[str]) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise _missing() from None
        self.signs = signs
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options)

    def probabilities(self, clips: Sequence[Float32]) -> Float32:
        """See `gislr.inference.Recognizer`."""
        found = [self._session.run([OUTPUT], {INPUT: clip})[0] for clip in clips]
        return np.stack(found) if found else np.zeros((0, len(self.signs)), np.float32)


def _missing() -> GislrError:
    return GislrError("ONNX needs tf2onnx and onnxruntime; pip install 'gislr[onnx]'.")
