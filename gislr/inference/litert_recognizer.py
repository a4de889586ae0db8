"""Recognizes signs with an exported file; needs no TensorFlow, so it starts at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.label_map import LABEL_MAP, read_label_map
from gislr.data.landmarks import LANDMARKS_PER_FRAME
from gislr.utils.errors import GislrError
from gislr.utils.quiet import quiet_libraries

Float32 = NDArray[np.float32]

LITERT_FILE = "model.tflite"

REJECTION = "rejection.json"
"""Beside the file: the probability below which its predictions are not sure."""

_THRESHOLD = "rejection_threshold"

SIGNATURE, INPUT, OUTPUT = "serving_default", "inputs", "outputs"
"""Names of the competition's; see `gislr.export.litert`."""

FIXED_SIGNATURE, LENGTH, FIXED_FRAMES = "fixed_length", "length", 256
"""Of the signature that needs no resizing; its caller thins longer clips to as many frames."""


class LiteRTRecognizer:
    """A `.tflite` file that reads raw landmarks, on one core.

    Args:
        model: The file, or its content.
        signs: The glosses, in the order of its probabilities.
        rejection_threshold: See `gislr.inference.Recognizer`.

    Attributes:
        content: The file's.
        signs: The glosses.
        fixed_length: Whether it has `FIXED_SIGNATURE`, as pages need it.

    Raises:
        GislrError: The file is none that gislr exports, or of other signs.
    """

    def __init__(
        self, model: Path | bytes, signs: list[str], rejection_threshold: float = 0.0
    ) -> None:
        self.signs, self.rejection_threshold = signs, rejection_threshold
        self.content = model.read_bytes() if isinstance(model, Path) else model
        self._run, self.fixed_length = _signature(model, self.content)
        shape = self._run.get_output_details()[OUTPUT]["shape"].tolist()
        if shape != [len(signs)]:
            raise GislrError(
                f"The label map must name the model's signs; it names {len(signs)}, but the model "
                f"gives probabilities of the shape {shape}. Take the label map beside the model."
            )

    @classmethod
    def of_file(cls, path: Path) -> LiteRTRecognizer:
        """Opens a file, with the label map and the threshold beside it.

        Raises:
            GislrError: One of them is missing or cannot be used.
        """
        if not path.is_file():
            raise GislrError(f"model must be a run or a .tflite file; there is no file {path}.")
        signs = read_label_map(path.parent / LABEL_MAP)
        return cls(path, signs, read_threshold(path.parent / REJECTION))

    def probabilities(self, clips: Sequence[Float32]) -> Float32:
        """See `gislr.inference.Recognizer`.

        Raises:
            GislrError: The file is broken in a way that only running it reveals.
        """
        found = np.zeros((len(clips), len(self.signs)), np.float32)
        for row, clip in zip(found, clips, strict=True):
            try:
                row[:] = self._run(**{INPUT: np.ascontiguousarray(clip, np.float32)})[OUTPUT]
            except (RuntimeError, ValueError) as error:
                raise GislrError(
                    "The .tflite file must recognize any clip, but it fails "
                    f"({str(error).splitlines()[0][:100]}); export the model once more."
                ) from None
        return found


def read_threshold(path: Path) -> float:
    """Reads the threshold beside an exported file; 0 where there is none, as beside older files.

    Raises:
        GislrError: The file holds no threshold.
    """
    if not path.is_file():
        return 0.0
    try:
        found = json.loads(path.read_bytes())[_THRESHOLD]
    except (ValueError, LookupError, TypeError, RecursionError):
        found = None
    if type(found) not in (int, float) or not 0 <= found <= 1:
        raise GislrError(
            f'{path} must be {{"{_THRESHOLD}": a probability}}, as gislr export writes it; it is '
            "not. Export the model once more."
        )
    return float(found)


def threshold_file(threshold: float) -> bytes:
    """Returns what `read_threshold` reads."""
    return json.dumps({_THRESHOLD: threshold}).encode()


def _signature(model: Path | bytes, content: bytes) -> tuple[Any, bool]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise GislrError(
            "LiteRT must be installed to run .tflite files; pip install ai-edge-litert."
        ) from None
    try:
        with quiet_libraries():
            interpreter = Interpreter(model_content=content, num_threads=1)
            interpreter.allocate_tensors()
            signature = interpreter.get_signature_runner(SIGNATURE)
        inputs, outputs = signature.get_input_details(), signature.get_output_details()
        shape = inputs[INPUT]["shape_signature"].tolist()
        known = list(inputs) == [INPUT] and list(outputs) == [OUTPUT]
    except (ValueError, KeyError, RuntimeError):
        known, shape = False, []
    if not known or shape != [-1, LANDMARKS_PER_FRAME, 3]:
        raise GislrError(
            f"A .tflite file must read raw landmarks, as those that gislr.export writes; {model} "
            "does not."
            if isinstance(model, Path)
            else "The model must read raw landmarks."
        )
    return signature, FIXED_SIGNATURE in interpreter.get_signature_list()
