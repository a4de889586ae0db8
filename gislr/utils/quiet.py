"""Imports the numeric backend without its messages on how it was built."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_backend() -> Iterator[None]:
    """Hides TensorFlow's messages while it is imported, unless that fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_libraries():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_physical_devices()  # writes, too
        yield


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hides messages of compiled libraries, unless the block fails.

    They write to the file descriptor, before any log level is read.
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
