"""Changes of clips in training that leave their sign the same, as small transforms.

Each module registers one transform under its name; `augmentation.NAME` holds its values. What is
changed follows the leading solutions of the Kaggle competition. Each batch draws anew, from a
generator of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gislr.batches.clip_batch import ClipBatch
from gislr.utils.registry import Registry
from gislr.utils.settings import Probability, Settings, read_settings, require_section

STAGES = ("resampling", "masking", "space", "dropout")
"""The order of transforms, whatever their order in the YAML; by name within a stage."""


class Transform(Settings):
    """A change of some of a batch's clips.

    Attributes:
        stage: When it is applied, one of `STAGES`.
        probability: How often it is applied; 0 switches it off.
    """

    stage: ClassVar[str]

    probability: Probability

    def __call__(self, clips: ClipBatch, generator: np.random.Generator) -> ClipBatch:
        """Returns the changed clips.

        What is missing stays NaN, and every clip keeps a valid frame.

        Args:
            clips: The clips of a batch.
            generator: Source of every draw.
        """
        raise NotImplementedError


AUGMENTATIONS: Registry[type[Transform]] = Registry(
    "augmentation", "gislr.batches.augmentation", setting="augmentation"
)


def read_augmentation(section: Mapping[str, Any]) -> tuple[Transform, ...]:
    """Returns the transforms of the `augmentation` section that are on, in their order.

    Args:
        section: By name, the values of each transform.

    Raises:
        SettingError: A name or key is unknown or missing, or a value cannot be used.

    Example:
        >>> read_augmentation({"mirroring": {"probability": 0.5}})
        (Mirroring(probability=0.5),)
    """
    transforms: dict[str, Transform] = {
        name: read_settings(AUGMENTATIONS[name], values, f"augmentation.{name}")
        for name, values in require_section(section, "augmentation").items()
    }
    order = sorted(transforms, key=lambda name: (STAGES.index(transforms[name].stage), name))
    return tuple(transforms[name] for name in order if transforms[name].probability)
