"""What Kaggle's "Isolated Sign Language Recognition" takes: a zip that holds `model.tflite`."""

from __future__ import annotations

import io
import zipfile

from gislr.errors import GislrError
from gislr.recognition.litert_recogniser import LITERT_FILE

SUBMISSION = "submission.zip"
MOST_MEGABYTES = 40


def submission(model: bytes) -> bytes:
    """Returns the content of `submission.zip`.

    Args:
        model: The content of a `.tflite` file.

    Raises:
        GislrError: The model is larger than the competition allows.
    """
    if len(model) > MOST_MEGABYTES * 1e6:
        raise GislrError(
            f"The competition takes models of up to {MOST_MEGABYTES} MB; this one has "
            f"{len(model) / 1e6:.0f}. Take fewer units or seeds."
        )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(LITERT_FILE, model)
    return content.getvalue()
