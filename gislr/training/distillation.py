"""Learning from the probabilities of models that were trained before.

After Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", without a temperature:
targets are a mean of the sign and of what the teachers say of the clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.utils.errors import SettingError


@dataclass(frozen=True)
class DistillationSettings:
    """Whose probabilities are learned, and how much they count.

    Attributes:
        teachers: Ids of runs that held out the same signers; their probabilities are averaged.
        share: How much of the target is theirs.
    """

    teachers: list  # type: ignore[type-arg]
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise SettingError(f"distillation.share must be 0 to 1; got {self.share}.")

    @property
    def is_used(self) -> bool:
        """Whether there is a teacher who counts."""
        return bool(self.teachers) and self.share > 0


def targets(
    labels: NDArray[np.int32], taught: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """Returns how much of each sign each clip is said to show, float32 [clips, signs].

    Args:
        labels: int32 [clips].
        taught: float32 [clips, signs], the teachers' probabilities.
        share: How much of the target is theirs.
    """
    found = share * taught
    found[np.arange(len(labels)), labels] += 1 - share
    return found.astype(np.float32)
