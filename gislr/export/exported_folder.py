"""What every folder of an exported model holds beside it: label map, threshold, model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gislr.data.label_map import LABEL_MAP, write_label_map
from gislr.export.agreement import Agreement
from gislr.export.model_card import model_card
from gislr.inference import Recognizer
from gislr.inference.litert_recognizer import REJECTION, threshold_file
from gislr.tracking.run_reader import LoggedRun
from gislr.utils.paths import atomic_file

CARD = "README.md"
"""The model card, under the name that Hugging Face, GitHub and GitLab show."""


def complete_folder(
    folder: Path, run: LoggedRun, recognizer: Recognizer, agreements: Sequence[Agreement] = ()
) -> str:
    """Writes what belongs beside an exported model.

    Args:
        folder: Where the model is.
        run: The run that it comes from.
        recognizer: The model.
        agreements: The files, where they have been compared with Keras.

    Returns:
        The model card.

    Raises:
        GislrError: The run does not hold what is needed.
    """
    card = model_card(run, agreements)
    contents = {REJECTION: threshold_file(recognizer.rejection_threshold), CARD: card.encode()}
    write_label_map(folder / LABEL_MAP, recognizer.signs)
    for name, content in contents.items():
        with atomic_file(folder / name) as beside:
            beside.write_bytes(content)
    return card
