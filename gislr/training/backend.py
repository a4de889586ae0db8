"""What a training asks of Keras' backend: seeds, repeatable operations, and its local devices.

Rows are split between devices; every device has the weights and the gradients are summed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from gislr.utils.quiet import quiet_libraries


def is_tensorflow() -> bool:
    """Tells whether Keras runs on TensorFlow."""
    return bool(keras.backend.backend() == "tensorflow")


def seed_everything(seed: int, *, deterministic: bool) -> None:
    """Seeds Python, NumPy and the backend; asks TensorFlow for deterministic operations."""
    with quiet_libraries():  # imports TensorFlow where it is installed, also on JAX
        keras.utils.set_random_seed(seed)
    if deterministic and is_tensorflow():
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def uses_xla() -> bool:
    """Tells whether steps are compiled: XLA makes TensorFlow slower on a CPU; JAX needs it."""
    if not is_tensorflow():
        return True
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def sizes_of_rows() -> int:
    """Returns `gislr.batches.packing.Layout.sizes`: XLA takes long to compile each size."""
    return 4 if uses_xla() else 32


def count_devices(devices: str) -> int:
    """Returns the number of local devices to train on, where `devices` is `1` or `all`."""
    return len(_local_devices()) if devices == "all" else 1


@contextmanager
def device_scope(count: int) -> Iterator[None]:
    """Models that are built inside are trained on the first `count` local devices."""
    if count == 1:
        yield
    elif is_tensorflow():
        import tensorflow as tf

        with tf.distribute.MirroredStrategy(_local_devices()[:count]).scope():
            yield
    else:
        distribution = keras.distribution.DataParallel(devices=_local_devices()[:count])
        with distribution.scope():
            yield


def backend_and_devices() -> str:
    """Returns Keras' backend and what it computes on, such as `tensorflow on CPU`."""
    if is_tensorflow():
        import tensorflow as tf

        details = tf.config.experimental.get_device_details
        gpus = [details(gpu)["device_name"] for gpu in tf.config.list_physical_devices("GPU")]
        found = gpus or ["CPU"]
    else:
        found = list(keras.distribution.list_devices())
    return f"{keras.backend.backend()} on {', '.join(found)}"


def _local_devices() -> list[str]:
    if is_tensorflow():
        import tensorflow as tf

        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return [device.name for device in found]
    return list(keras.distribution.list_devices())
