"""Batches for Keras, a few of them built ahead by threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import keras

_THREADS = min(8, max(2, (os.cpu_count() or 2) // 2))
_AHEAD = 2 * _THREADS
_POOL = ThreadPoolExecutor(_THREADS, "batches")


class BatchQueue(keras.utils.PyDataset):
    """Batches by epoch and step.

    Keras' own queue (`PyDataset(workers=2)`) keeps batches of one epoch for the next when a model
    reads one before the first epoch, as on JAX and on several devices.

    It is a context, which lets go of the data at its end: TensorFlow keeps what a dataset is made
    from until the process ends.

    Args:
        build: Builds the batch of an epoch and a step.
        steps: Batches of an epoch.
        epoch: The first epoch.

    Attributes:
        epoch: The epoch whose batches follow.
    """

    def __init__(self, build: Callable[[int, int], Any], steps: int, epoch: int = 0) -> None:
        super().__init__()
        self.epoch = epoch
        self._build, self._steps = build, steps
        self._futures: dict[tuple[int, int], Future[Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._futures.clear()
        del self._build

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Any:
        for ahead in range(step, min(step + _AHEAD, self._steps)):
            key = self.epoch, ahead
            if key not in self._futures:
                self._futures[key] = _POOL.submit(self._build, *key)
        return self._futures.pop((self.epoch, step)).result()
