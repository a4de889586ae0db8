"""Predicts clips with logged models again, one or several averaged."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gislr.config.configuration import Configuration, open_data
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.splits import Split
from gislr.data.store import Store
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.models import build_model, layout_of
from gislr.tracking.run_reader import LoggedRun
from gislr.utils.errors import DataError, SettingError


class StoresOfRuns:
    """The same clips, prepared as each of several runs reads them; each way once.

    Args:
        configuration: Which clips.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._opened: dict[PreprocessingSettings, Store] = {}

    def of(self, run: LoggedRun) -> Store:
        """Returns the clips as a run reads them."""
        preprocessing = run.configuration().preprocessing
        if preprocessing not in self._opened:
            self._opened[preprocessing] = open_data(
                dataclasses.replace(self._configuration, preprocessing=preprocessing)
            )
        return self._opened[preprocessing]


def average(predictions: Sequence[ClipPredictions]) -> ClipPredictions:
    """Returns the predictions of several models as those of one, their probabilities averaged.

    Raises:
        DataError: The models were not asked about the same clips and signs.
    """
    first = predictions[0]
    for other in predictions[1:]:
        if other.signs != first.signs or other.clips.tolist() != first.clips.tolist():
            raise DataError(
                "Runs that are averaged must know the same signs and hold out the same signers; "
                "these do not."
            )
    mean = np.stack([found.probabilities for found in predictions]).mean(axis=0)
    return first if len(predictions) == 1 else dataclasses.replace(first, probabilities=mean)


def predict_logged(run: LoggedRun, store: Store, *, held_out_only: bool) -> ClipPredictions:
    """Predicts clips of a store with a run's model, by the path by which it was validated.

    Args:
        run: The run.
        store: The prepared data; its signs may be some of the run's.
        held_out_only: Whether only clips of the signers that it held out are predicted.

    Raises:
        DataError: The data holds a sign that the model does not know, or none of the signers.
    """
    from gislr.training import compiling
    from gislr.training.prediction import predict

    configuration = run.configuration()
    signs = run.signs()
    unknown = [sign for sign in store.signs if sign not in signs]
    if unknown:
        raise DataError(
            f"The data must hold signs that the model knows; {', '.join(unknown[:5])} "
            f"({len(unknown)} in all) are not among its {len(signs)}."
        )
    is_held_out = np.isin(store.clips.signers, run.held_out())
    clips: NDArray[np.int64] = np.flatnonzero(is_held_out | (not held_out_only))
    if not len(clips):
        raise DataError("The data holds no clip of the signers held out; add signers=all.")
    compiling.prepare_backend(configuration.seed, configuration.training.deterministic)
    layout = layout_of(configuration.model, store.most_frames)
    model = build_model(
        configuration.model,
        signs=len(signs),
        layout=layout,
        preprocessing=store.preprocessing,
        precision=configuration.training.precision,
    )
    run.load_weights(model)
    masking = configuration.model.inference_masking
    probabilities = predict(model, store, clips, layout, frame_masking=masking)
    smoothing = configuration.loss.label_smoothing
    return ClipPredictions.of(store, clips, probabilities, label_smoothing=smoothing, signs=signs)


def taught(configuration: Configuration, store: Store, split: Split) -> NDArray[np.float32] | None:
    """Returns how much of each sign every clip shows where there are teachers, else `None`.

    Args:
        configuration: Of the training that learns from them.
        store: Its data.
        split: Its split.

    Returns:
        float32 [clips of the store, signs].

    Raises:
        GislrError: A teacher cannot be read, knows other signs, or knows a signer held out.
    """
    from gislr.tracking.run_reader import find_run
    from gislr.training.distillation import soft_labels

    settings = configuration.distillation
    if not settings.is_used:
        return None
    found = [find_run(configuration.tracking, str(name)) for name in settings.teachers]
    teachers = [member for run in found for member in run.members()]
    for run in teachers:
        if leaked := sorted(set(split.held_out) - set(run.held_out())):
            raise SettingError(
                f"distillation.teachers must not know the signers held out; run {run.run_id} was "
                f"trained on {', '.join(leaked[:5])}. Choose runs of the same split."
            )
    stores = StoresOfRuns(configuration)
    averaged = average(
        [predict_logged(run, stores.of(run), held_out_only=False) for run in teachers]
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
