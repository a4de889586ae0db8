"""Training on one local device or on all of them, by the backend's own means.

Rows are split between devices; every device has the weights and the gradients are added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def count_devices(devices: str) -> int:
    """Returns on how many local devices is trained.

    Args:
        devices: `1` or `all`.
    """
    return len(_local_devices()) if devices == "all" else 1


@contextmanager
def device_scope(count: int) -> Iterator[None]:
    """What is built inside is trained on the first `count` local devices."""
    if count == 1:
        yield
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.distribute.MirroredStrategy(_local_devices()[:count]).scope():
            yield
    else:
        distribution = keras.distribution.DataParallel(devices=_local_devices()[:count])
        with distribution.scope():
            yield


def _local_devices() -> list[str]:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return [device.name for device in found]
    return list(keras.distribution.list_devices())
