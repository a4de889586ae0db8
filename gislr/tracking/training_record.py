"""Records a training: its settings, data, statistics, evaluation and model."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from gislr.config.configuration import Configuration
from gislr.data import landmark_statistics as statistics
from gislr.data.label_map import LABEL_MAP, write_label_map
from gislr.data.splits import Split
from gislr.data.store import Store
from gislr.evaluation.metrics.calibration import at_temperature, fit_temperature
from gislr.evaluation.metrics.clip_predictions import FILE, ClipPredictions
from gislr.evaluation.metrics.rejection import rejection_threshold
from gislr.evaluation.reports.run_report import write_evaluation
from gislr.tracking import provenance
from gislr.tracking.run import TrackedRun
from gislr.utils.background import begin
from gislr.utils.settings import flatten

if TYPE_CHECKING:
    from gislr.models.serving import TrainedModel
    from gislr.training.loop import TrainingDiverged

WEIGHTS, MODEL = "model.weights.h5", "model"
"""Artifacts: the weights, and the model that MLflow loads."""

EVALUATION, TRAIN_EVALUATION = "evaluation", "train_evaluation"
"""Artifacts: the evaluation on clips held out, and that on training clips."""

HELD_OUT, HELD_OUT_FILE = "held_out", "held_out.json"
"""Tag and artifact: which clips were held out; the tag is `none` if none were."""

TEMPERATURE, THRESHOLD = "temperature", "rejection_threshold"
"""Metrics: the temperature of the probabilities that the logged model and its files give, and the
probability below which predictions are called "not sure"."""

DIVERGED = "diverged_clips.txt"
"""Artifact: the clips of the step after which the loss was no number."""

SWEEP = "sweep"
"""Tag of a run that holds others: the study's name."""

FINGERPRINT, ALSO_FINGERPRINT = "data.fingerprint", "data.also.fingerprint"
"""Tags: digests of the data, and of `data.also`."""

PRETRAINED = "pretrained"
"""Tag of a run that was trained without labels; its model knows no sign."""

IDENTITY = "gislr.identity"
"""Tag that is equal for runs of the same configuration, code and data."""


def data_tags(store: Store, also: Store | None) -> dict[str, str]:
    """Returns the fingerprints of the data, and of `data.also`."""
    tags = {FINGERPRINT: store.fingerprint}
    return tags | {ALSO_FINGERPRINT: also.fingerprint} if also else tags


def starting_tags(
    configuration: Configuration, fingerprints: Mapping[str, str], split: Split
) -> dict[str, str]:
    """Returns the tags by which runs are found and distinguished; `data_tags` are among them."""
    return {
        "experiment": configuration.experiment or "none",
        "model": configuration.model.name,
        "split": configuration.split.name,
        "fold": str(getattr(configuration.split, "fold", None)),
        "seed": str(configuration.seed),
        "data": configuration.data.name,
        **fingerprints,
        IDENTITY: provenance.identity(configuration.values, fingerprints),
        HELD_OUT: str(split.held_out),
        **({PRETRAINED: "true"} if configuration.pretraining else {}),
        "mlflow.note.content": f"`{provenance.command()}`",
        **provenance.code_tags(),
    }


def record_inputs(
    run: TrackedRun, configuration: Configuration, store: Store, split: Split
) -> None:
    """Records the configuration, the data and the split, before anything is computed."""
    run.parameters(dict(flatten(configuration.values)))
    data = configuration.data.model_dump()
    run.dataset(
        name=configuration.data.name,
        fingerprint=store.fingerprint,
        source=str(data.get("root") or data.get("manifest") or "simulated"),
    )
    run.metrics(
        {
            "clips_trained_on": len(split.train),
            "clips_validated_on": len(split.validation),
            "clips_without_hand": store.left_out,
            **_signers(store.clips.signers[split.train]),
        }
    )
    with run.folder() as folder:
        OmegaConf.save(OmegaConf.create(configuration.values), folder / "config.yaml")
        text = json.dumps(vars(split.held_out), indent=1, ensure_ascii=False)
        (folder / HELD_OUT_FILE).write_text(text, encoding="utf-8")


def _signers(of_clips: NDArray[np.str_]) -> dict[str, float]:
    known = bool((of_clips != "").all())
    return {"signers_trained_on": len(np.unique(of_clips))} if known else {}


def record_statistics(
    run: TrackedRun, store: Store, measured: statistics.Statistics, figures: Mapping[str, bytes]
) -> None:
    """Records the statistics that standardize landmarks, and their figures: PNG by part."""
    with run.folder("statistics") as folder:
        statistics.write(measured, store.preprocessing.landmark_set, folder)
        for part, figure in figures.items():
            (folder / f"landmarks_{part}.png").write_bytes(figure)


def name_clips(
    run: TrackedRun, error: TrainingDiverged, clips: NDArray[np.str_]
) -> TrainingDiverged:
    """Records the clips after which a training diverged; returns an error that names some."""
    paths = clips.tolist()
    with run.folder() as folder:
        (folder / DIVERGED).write_text("".join(f"{p}\n" for p in paths), encoding="utf-8")
    some = ", ".join(ascii(path)[1:-1] for path in paths[:3])
    message = f"{error} The step's {len(paths)} clips are in the run's {DIVERGED}: {some}, ..."
    return type(error)(message, error.clips)


def evaluation_folder(split: Split) -> str:
    """Returns the artifact that holds the evaluation: of clips held out, or of training clips."""
    return EVALUATION if split.held_out.groups else TRAIN_EVALUATION


def record_result(
    run: TrackedRun,
    configuration: Configuration,
    data: tuple[Store, Split],
    predictions: ClipPredictions,
    model: Any,
) -> TrainedModel:
    """Records what all else can be made of later: predictions, weights, label map, temperature.

    Where nothing is held out and `training` does not set them, the temperature is 1 and nothing is
    rejected.
    """
    from gislr.models.serving import TrainedModel

    store, split = data
    held_out, settings = bool(split.held_out.groups), configuration.training
    temperature = settings.temperature or (fit_temperature(predictions) if held_out else 1.0)
    threshold = settings.rejection_threshold
    if threshold is None:
        calibrated = at_temperature(predictions, temperature)
        threshold = rejection_threshold(calibrated) if held_out else 0.0
    run.metrics({TEMPERATURE: temperature, THRESHOLD: threshold})
    run.tags({"intervals": predictions.intervals_over})
    with run.folder(evaluation_folder(split)) as folder:
        predictions.save(folder / FILE)
    record_weights(run, store, model)
    return TrainedModel(
        model, configuration.model, store.signs, store.preprocessing, temperature, threshold
    )


def record_weights(run: TrackedRun, store: Store, model: Any) -> None:
    """Records the weights of a model, and the signs of its classifier."""
    with run.folder() as folder:
        model.save_weights(folder / WEIGHTS)
        write_label_map(folder / LABEL_MAP, store.signs)


@contextmanager
def recorded_pages(
    run: TrackedRun,
    store: Store,
    predictions: ClipPredictions,
    history: Mapping[str, Sequence[float]],
    split: Split,
) -> Iterator[None]:
    """Draws an evaluation while the block runs, then records its tables, figures and page.

    `history` has one value per epoch of each metric. Where the split holds nothing out, the
    predictions are of training clips.
    """
    with run.folder(evaluation_folder(split)) as folder:
        drawn = begin(
            write_evaluation,
            folder,
            predictions,
            store,
            title=f"{run.experiment}: {run.name}",
            whose=split.held_out.whose,
            new_signers=not split.shared_signers(store.clips),
            history=history,
        )
        yield
        drawn()


def record_model(run: TrackedRun, trained: TrainedModel) -> None:
    """Records the model that MLflow loads: padded clips in, probabilities out."""
    import mlflow.keras
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from gislr.models.serving import serving_model

    def spec(shape: Sequence[int | None], name: str | None = None) -> TensorSpec:
        return TensorSpec(np.dtype("float32"), (-1, *shape), name)

    serving = serving_model([trained])
    with tempfile.TemporaryDirectory() as temporary:
        mlflow.keras.save_model(
            serving,
            f"{temporary}/{MODEL}",
            signature=ModelSignature(
                Schema([spec(each.shape[1:], name) for name, each in serving.input.items()]),
                Schema([spec([len(trained.signs)])]),
            ),
            pip_requirements=provenance.installed("tensorflow", "keras", "numpy"),
            save_exported_model=False,
            metadata={"signs": trained.signs},
        )
        run.model(MODEL, Path(temporary, MODEL))
