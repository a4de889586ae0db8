"""Loads the models of logged runs and predicts clips with them, one or several averaged."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gislr.batches.packing import Layout
from gislr.config.configuration import Configuration, open_data
from gislr.data.preprocessing import PreprocessingSettings
from gislr.data.splits import Split
from gislr.data.store import Store
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.models import build_model, layout_of
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.training_record import TEMPERATURE, THRESHOLD
from gislr.utils.errors import DataError, SettingError

if TYPE_CHECKING:
    from gislr.models.serving import TrainedModel


def trained_model(
    run: LoggedRun, layout: Layout | None = None, precision: str = "float32"
) -> TrainedModel:
    """Builds the model of a training and loads its weights.

    Args:
        run: The training.
        layout: The shape of the rows that the model reads; by default one clip a row.
        precision: A dtype policy of Keras.

    Raises:
        GislrError: The run does not hold what is needed.
    """
    from gislr.models.serving import TrainedModel

    configuration, signs = run.configuration(), run.signs()
    preprocessing = configuration.preprocessing
    model = build_model(
        configuration.model,
        signs=len(signs),
        layout=layout or Layout(preprocessing.frames, segments=1, packed=False),
        preprocessing=preprocessing,
        precision=precision,
    )
    run.load_weights(model)
    # Older runs have none.
    temperature, threshold = run.metrics.get(TEMPERATURE, 1.0), run.metrics.get(THRESHOLD, 0.0)
    return TrainedModel(model, configuration.model, signs, preprocessing, temperature, threshold)


def open_stores(configuration: Configuration, runs: Sequence[LoggedRun]) -> list[Store]:
    """Opens the configuration's clips as each of several runs reads them."""
    opened: dict[PreprocessingSettings, Store] = {}
    readings = [run.configuration().preprocessing for run in runs]
    for reading in dict.fromkeys(readings):
        opened[reading] = open_data(dataclasses.replace(configuration, preprocessing=reading))
    return [opened[reading] for reading in readings]


def average(predictions: Sequence[ClipPredictions]) -> ClipPredictions:
    """Returns the predictions of several models as those of one, their probabilities averaged.

    Raises:
        DataError: The models predicted different clips or signs.
    """
    first = predictions[0]
    for other in predictions[1:]:
        if other.signs != first.signs or other.clips.tolist() != first.clips.tolist():
            raise DataError(
                "Runs that are averaged must know the same signs and hold out the same clips; "
                "these do not."
            )
    mean = np.stack([each.probabilities for each in predictions]).mean(axis=0)
    return dataclasses.replace(first, probabilities=mean)


Part = Literal["val", "test", "all"]
"""Clips of a store: those that a run held out, those listed as `test`, or all but the latter."""


def part_of(store: Store, run: LoggedRun, part: Part) -> NDArray[np.int64]:
    """Returns the rows of some of a store's clips, int64."""
    is_test = store.clips.is_test
    if part == "test":
        return np.flatnonzero(is_test)
    return np.flatnonzero(~is_test & (part == "all" or run.held_out().among(store.clips)))


def require_unseen(key: str, run: LoggedRun, store: Store, split: Split) -> None:
    """Refuses a run that was trained on clips that another training validates on.

    Args:
        key: The setting that names the run.
        run: The run.
        store: The data of the other training; of the same clips as the run's.
        split: Its split.

    Raises:
        SettingError: The run was trained on some of them.
    """
    known = run.held_out()
    if not known.among(store.clips)[split.validation].all():
        raise SettingError(
            f"{key} must not know the clips held out; run {run.run_id} held out {known}, not "
            f"{split.held_out}. Choose a run of the same split."
        )


def predict_logged(run: LoggedRun, store: Store, part: Part = "all") -> ClipPredictions:
    """Predicts clips of a store with a run's model, by the path by which it was validated.

    Args:
        run: The run.
        store: The data, prepared as the run reads it.
        part: Which clips are predicted; never those of signs that the model does not know.

    Raises:
        DataError: The data holds none of the clips, or the model knows none of its signs.
    """
    signs = run.signs()
    known = _of_known_signs(run, store)
    if not known.any():
        raise DataError(
            f"The data must hold signs that the model knows; {', '.join(store.signs[:5])} "
            f"({len(store.signs)} in all) are not among its {len(signs)}."
        )
    clips = part_of(store, run, part)
    clips = clips[known[clips]]
    if not len(clips):
        raise DataError(
            f"The data must hold clips of split={part}; it holds none. "
            f"Choose another of {', '.join(get_args(Part))}."
        )
    smoothing = run.configuration().loss.label_smoothing
    probabilities = _probabilities(run, store, clips)
    return ClipPredictions.of(store, clips, probabilities, label_smoothing=smoothing, signs=signs)


def predict_unknown(run: LoggedRun, store: Store, part: Part = "all") -> NDArray[np.float32]:
    """Returns a model's probabilities for clips of signs that it does not know.

    Args:
        run: The run.
        store: The data, prepared as the run reads it.
        part: Which clips are predicted.

    Returns:
        float32 [clips, signs]; of no clip if the model knows all signs.
    """
    clips = part_of(store, run, part)
    clips = clips[~_of_known_signs(run, store)[clips]]
    return _probabilities(run, store, clips) if len(clips) else np.zeros((0, 1), np.float32)


def _of_known_signs(run: LoggedRun, store: Store) -> NDArray[np.bool_]:
    return np.isin(store.signs, run.signs())[store.clips.labels]


def _probabilities(run: LoggedRun, store: Store, clips: NDArray[np.int64]) -> NDArray[np.float32]:
    from gislr.training.backend import seed_everything
    from gislr.training.prediction import predict

    configuration = run.configuration()
    seed_everything(configuration.seed, deterministic=configuration.training.deterministic)
    layout = layout_of(configuration.model, store.most_frames)
    model = trained_model(run, layout, configuration.training.precision).model
    masking = configuration.model.inference_masking
    return predict(model, store, clips, layout, frame_masking=masking)
