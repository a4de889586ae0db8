"""Soft labels from the predictions of logged runs, the teachers of a distillation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gislr.config.configuration import Configuration
from gislr.data.splits import Split
from gislr.data.store import Store
from gislr.inference.logged_models import average, open_stores, predict_logged
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
        known = run.held_out()
        leaked = sorted(set(split.held_out.groups) - set(known.groups))
        if leaked or known.column != split.held_out.column:
            raise SettingError(
                f"distillation.teachers must not know the clips held out; run {run.run_id} held "
                f"out {known}, not {split.held_out}. Choose runs of the same split."
            )
    stores = open_stores(configuration, teachers)
    averaged = average(
        [predict_logged(run, clips) for run, clips in zip(teachers, stores, strict=True)]
    )
    if averaged.signs != store.signs:
        raise SettingError(
            "distillation.teachers must know the same signs as the data; they do not."
        )
    return soft_labels(
        store.clips.labels,
        averaged.probabilities,
        alpha=settings.alpha,
        temperature=settings.temperature,
    )
