"""What Kaggle's "Isolated Sign Language Recognition" takes: a zip that holds `model.tflite`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

from gislr.inference.litert_recognizer import LITERT_FILE

SUBMISSION = "submission.zip"
MOST_MEGABYTES = 40


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
