"""Evaluates a logged model again, on its own data or on other, or several averaged.

python -m gislr.evaluate run=RUN_ID
python -m gislr.evaluate run=[RUN_ID,RUN_ID,RUN_ID]
python -m gislr.evaluate run=RUN_ID data=asl_signs data.root=DIR output=FOLDER
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from gislr.backend import quiet_backend
from gislr.commands import run_command
from gislr.data.store import Store
from gislr.errors import DataError, SettingError, unknown_name
from gislr.models import build_model, layout_of
from gislr.paths import resolve_here
from gislr.prepare import open_data
from gislr.settings import read_settings
from gislr.terminal import note
from gislr.tracking.store import TrackingSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gislr.evaluation.clip_predictions import ClipPredictions
    from gislr.tracking.logged import LoggedRun

HELD_OUT, ALL = "held_out", "all"


def evaluate(config: DictConfig) -> dict[str, float]:
    """Evaluates a run's model and says whether the scores are those that it logged.

    Args:
        config: A composed `conf/evaluate.yaml`.

    Raises:
        GislrError: The run cannot be read, or the data does not suit it.
    """
    values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    if values["clips"] not in (None, HELD_OUT, ALL):
        raise unknown_name("clips", values["clips"], (HELD_OUT, ALL))
    with quiet_backend():
        from gislr.evaluation import score
        from gislr.tracking.logged import differing, find_run
    tracking = read_settings(TrackingSettings, values["tracking"], "tracking")
    names = values["run"] if isinstance(values["run"], list) else [values["run"]]
    runs = [member for name in names for member in find_run(tracking, str(name)).members()]
    if not runs:
        raise SettingError("run must be the id of a run, or a list of at least one.")
    run = runs[0]
    configuration = run.configuration()
    if values.get("data"):
        configuration = dataclasses.replace(configuration, data=values["data"])
    store = open_data(configuration)
    own = store.fingerprint == run.tags.get("data.fingerprint")
    which = values["clips"] or (HELD_OUT if own and run.held_out() else ALL)
    predictions = average([predict_again(each, store, which) for each in runs])
    scores = score(
        predictions.labels, predictions.probabilities, configuration.loss.label_smoothing
    )
    whose = "signers held out" if which == HELD_OUT else "all signers"
    note(f"\n{len(predictions):,} clips of {whose}, {configuration.data['name']} data")
    for name, value in scores.items():
        note(f"  {name:<18} {value:.6f}")
    if len(runs) > 1:
        note(f"the probabilities of {len(runs)} models, averaged")
    elif own and which == HELD_OUT:
        other = differing({f"val_{name}": value for name, value in scores.items()}, run.metrics)
        note(f"differs from what was logged: {', '.join(other)}" if other else "as it was logged")
    if values["output"]:
        from gislr.evaluation.run_page import write_evaluation

        folder = resolve_here(values["output"])
        write_evaluation(folder, predictions, store, title=run.name, whose=whose)
        note(f"written to {folder}")
    return scores


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


def predict_again(run: LoggedRun, store: Store, which: str) -> ClipPredictions:
    """Predicts clips of a store with a run's model, by the path by which it was validated.

    Args:
        run: The run.
        store: The prepared data; its signs may be some of the run's.
        which: `held_out` signers' clips, or `all`.

    Raises:
        DataError: The data holds a sign that the model does not know, or none of the signers.
    """
    from gislr.evaluation.clip_predictions import ClipPredictions
    from gislr.training import loop
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
    clips: NDArray[np.int64] = np.flatnonzero(is_held_out | (which == ALL))
    if not len(clips):
        raise DataError("The data holds no clip of the signers held out; add clips=all.")
    loop.prepare_backend(configuration.seed, configuration.training.deterministic)
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
    found = ClipPredictions.of(store, clips, probabilities)
    labels = np.array([signs.index(sign) for sign in store.signs], np.int32)[found.labels]
    return dataclasses.replace(found, labels=labels, signs=signs)


if __name__ == "__main__":
    run_command(evaluate, "evaluate")
