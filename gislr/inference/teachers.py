"""Soft labels from the predictions of logged runs, the teachers of a distillation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gislr.config.configuration import Configuration
from gislr.data.splits import Split
from gislr.data.store import Store
from gislr.inference.logged_models import (
    average,
    open_stores,
    part_of,
    predict_logged,
    require_unseen,
)
from gislr.utils.errors import SettingError


def teacher_soft_labels(
    configuration: Configuration, store: Store, split: Split
) -> NDArray[np.float32] | None:
    """Returns the soft labels of a student's training, `None` where there are no teachers.

    Returns:
        float32 [clips of the store, signs].

    Raises:
        GislrError: A teacher cannot be read, knows other signs, or was trained on clips that the
            split holds out.
    """
    from gislr.tracking.run_search import find_run
    from gislr.training.distillation import soft_labels

    settings = configuration.distillation
    if not settings.is_used:
        return None
    runs = [find_run(configuration.tracking, str(name)) for name in settings.teachers]
    teachers = [member for run in runs for member in run.members()]
    for run in teachers:
        require_unseen("distillation.teachers", run, store, split)
    stores = open_stores(configuration, teachers)
    averaged = average(
        [predict_logged(run, clips) for run, clips in zip(teachers, stores, strict=True)]
    )
    if averaged.signs != store.signs:
        raise SettingError(
            "distillation.teachers must know the same signs as the data; they do not."
        )
    predicted = part_of(store, run, "all")
    labels = np.zeros((len(store.clips), len(store.signs)), np.float32)
    labels[predicted] = soft_labels(
        store.clips.labels[predicted],
        averaged.probabilities,
        alpha=settings.alpha,
        temperature=settings.temperature,
    )
    return labels
