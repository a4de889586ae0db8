"""One sentence where memory does not suffice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gislr.batches.sampling import BatchSettings
from gislr.utils.errors import GislrError

_SIGNS = ("RESOURCE_EXHAUSTED", "ResourceExhausted", "OOM when allocating", "out of memory")


class OutOfMemory(GislrError):
    """A training needs more memory than there is."""


@contextmanager
def explain_lack_of_memory(batches: BatchSettings, precision: str) -> Iterator[None]:
    """Replaces the errors of NumPy and of each backend that mean a lack of memory.

    Raises:
        OutOfMemory: There is too little memory; it says which of the settings to lower.
    """
    try:
        yield
    except Exception as error:
        text = f"{type(error).__name__} {error}"
        if not isinstance(error, MemoryError) and not any(sign in text for sign in _SIGNS):
            raise
        bfloat16 = "mixed_bfloat16"
        name = "size" if batches.size else "samples_per_class"
        finer = "" if precision == bfloat16 else f", or set training.precision={bfloat16}"
        raise OutOfMemory(
            f"The training must fit into memory, but it does not; lower batches.{name} "
            f"(now {getattr(batches, name)}) or the model's size{finer}."
        ) from error
