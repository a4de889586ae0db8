"""Brings the numeric backend up without its notes on how it was built."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_backend() -> Iterator[None]:
    """Hides what TensorFlow's libraries write while they are imported, unless that fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_libraries():
        _look_for_devices()
        yield


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hides what compiled libraries write, unless something fails.

    They write to the file descriptor before any log level is looked at.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError):
        yield
        return
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            notes.seek(0)
            os.write(2, notes.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _look_for_devices() -> None:
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.list_physical_devices()
