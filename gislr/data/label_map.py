"""The label map: which sign stands at which place of a model's probabilities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from gislr.utils.errors import DataError

LABEL_MAP = "sign_to_prediction_index_map.json"
"""The file's name, as in the Kaggle set."""


def read_label_map(path: Path) -> list[str]:
    """Reads a label map `{"sign": index}` and returns the signs in the order of their indices.

    Raises:
        DataError: The file is missing, is no JSON object, or its indices are not 0, 1, 2, ...
    """
    try:
        label_map = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(label_map, ensure_ascii=False).encode()  # half a pair of surrogates is no text
    except FileNotFoundError:
        raise DataError(f"A label map was expected at {path}; there is none.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"The label map {path} must be a JSON object of sign: index; {error}."
        ) from None
    if not isinstance(label_map, dict) or any(
        type(index) is not int for index in label_map.values()
    ):
        raise DataError(f"The label map {path} must be a JSON object of sign: index.")
    if not label_map or sorted(label_map.values()) != list(range(len(label_map))):
        raise DataError(
            f"The indices of the label map {path} must be 0 to {max(0, len(label_map) - 1)}, each "
            "once. Write one index for each sign."
        )
    return sorted(label_map, key=lambda sign: int(label_map[sign]))


def write_label_map(path: Path, signs: Sequence[str]) -> None:
    """Writes the label map of signs in their order."""
    label_map = {sign: label for label, sign in enumerate(signs)}
    path.write_text(json.dumps(label_map, ensure_ascii=False), encoding="utf-8")
