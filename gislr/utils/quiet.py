"""Imports the numeric backend without its messages on how it was built."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from gislr.utils.paths import resolve

_COMPILED_BYTES = 1 << 30


@contextmanager
def quiet_backend() -> Iterator[None]:
    """Hides TensorFlow's messages while it is imported, unless that fails.

    JAX keeps what it compiles, for the next process: on a GPU compiling takes a minute or two.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_libraries():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_physical_devices()  # writes, too
        elif keras.backend.backend() == "jax":
            _keep_what_jax_compiles()
        yield


def _keep_what_jax_compiles() -> None:
    import jax

    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(resolve(".cache/jax")))
        jax.config.update("jax_compilation_cache_max_size", _COMPILED_BYTES)


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
