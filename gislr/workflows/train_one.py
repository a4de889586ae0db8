"""Trains one model and tracks it: data -> split -> batches -> model -> metrics -> MLflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from gislr.config.configuration import (
    Configuration,
    open_also,
    open_data,
)
from gislr.config.precision import AUTO, fastest_precision
from gislr.data.splits import Split
from gislr.data.store import Store
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.reports.summary import training_summary
from gislr.inference.teachers import teacher_soft_labels
from gislr.sweeping.parent_run import RUN_ID, trial_tags
from gislr.tracking import training_record
from gislr.tracking.resuming import (
    has_checkpoints,
    kept_checkpoints,
    require_same_data,
    restore,
    resumed_run,
)
from gislr.tracking.run import TrackedRun, tracked_run
from gislr.tracking.run_search import read_with_run_id
from gislr.tracking.tracking_store import pages
from gislr.training.checkpoints import Checkpoints
from gislr.training.memory import explain_lack_of_memory
from gislr.utils.log import log
from gislr.utils.quiet import quiet_backend
from gislr.utils.terminal import EpochDisplay
from gislr.workflows.report import begin_statistics, prepare_to_draw, record_report
from gislr.workflows.training_data import also_clips, measure_data, split_data
from hydra_plugins.optuna_sweeper import earlier_attempt, may_go_on, report_or_prune

if TYPE_CHECKING:
    import optuna

BEST = {"val_acc": max, "val_weighted_f1": max, "val_loss": min}
"""Logged at the end as best_*, for information: the last epoch's model is kept."""


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training.

    Attributes:
        run_id: MLflow's id of the run.
        run_name: The run's name.
        history: Every metric's values, one per epoch.
        scores: Scores of the model that is kept: on the clips held out, or on the training clips
            where none is held out.
        objective: In a sweep the values that it optimizes, otherwise `None`.
    """

    run_id: str
    run_name: str
    history: dict[str, list[float]]
    scores: dict[str, float]
    objective: list[float] | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """The last epoch's value of every metric."""
        return {name: values[-1] for name, values in self.history.items()}


def train_one(
    config: DictConfig,
    tags: Mapping[str, str] | None = None,
    trial: optuna.Trial | None = None,
    position: int | None = None,
) -> TrainingResult:
    """Trains, evaluates and tracks one model.

    Args:
        config: A composed `conf/train.yaml`, see `gislr.config.composition.compose`.
        tags: More tags for the run.
        trial: The trial of a sweep to which it reports every epoch.
        position: Where it stands among the trainings of the trial, from 0; `None` if it is the
            only one.

    Raises:
        GislrError: The configuration or the data cannot be used, or the training diverges.
    """
    resumed, config = resumed_run(config)
    configuration = read_with_run_id(config)
    if trial is None:  # a trial of a sweep draws nothing
        prepare_to_draw()
    if config.training.precision == AUTO:
        log.info("precision: {}, since {}".format(*fastest_precision()))
    store, also = open_data(configuration), open_also(configuration)
    fingerprints = training_record.data_tags(store, also)
    if resumed:
        require_same_data(resumed, fingerprints)
    split = split_data(configuration, store)
    joined = None if also is None else (also, also_clips(also, store, split))
    run_tags = {
        **training_record.starting_tags(configuration, fingerprints, split),
        **trial_tags(trial, configuration),
        **(tags or {}),
    }

    def report(value: float, epoch: int) -> None:
        epochs = configuration.training.epochs
        is_last = position is None and epoch == epochs - 1
        report_or_prune(trial, value, (position or 0) * epochs + epoch, is_last=is_last)

    # A person reads that the tracking server is gone; a sweep waits for it.
    patient = trial is not None
    paused = _paused_run(trial, configuration) if trial and position is None else None
    run_id = resumed.run_id if resumed else paused
    with tracked_run(configuration.tracking, run_tags, run_id, patient=patient) as run:
        if trial and position is None:
            trial.set_user_attr(RUN_ID, run.run_id)
        if paused:
            run.tags(trial_tags(trial, configuration))
        training_record.record_inputs(run, configuration, store, split)
        # An interrupted sweep resumes from its study, trial by trial.
        keeps = trial is None or (position is None and may_go_on(trial))
        keep = kept_checkpoints(run, configuration.tracking) if keeps else nullcontext()
        with (
            keep as checkpoints,
            explain_lack_of_memory(configuration.batches, configuration.training.precision),
        ):
            result = _train(
                run, configuration, (store, split, joined), checkpoints, trial and report
            )
    log.info(
        f"\nrun {run.name} ({run.run_id}), experiment {run.experiment}; look at it with: "
        f"{pages(configuration.tracking.uri)}"
    )
    return result


def _paused_run(trial: optuna.Trial, configuration: Configuration) -> str | None:
    """Returns the run of the attempt that a trial goes on with, if this machine has its state."""
    earlier = earlier_attempt(trial)
    run_id = str(earlier.user_attrs.get(RUN_ID, "")) if earlier else ""
    return run_id if run_id and has_checkpoints(configuration.tracking, run_id) else None


def _train(
    run: TrackedRun,
    configuration: Configuration,
    data: tuple[Store, Split, tuple[Store, NDArray[np.int64]] | None],
    checkpoints: Checkpoints | None,
    report: Callable[[float, int], None] | None,
) -> TrainingResult:
    store, split, also = data
    with quiet_backend():
        from gislr.inference.pretrained import load_pretrained
        from gislr.training.loop import TrainingDiverged
        from gislr.training.prediction import predict
        from gislr.training.trainer import trainable_parameters
        from gislr.workflows.factory import build_training

    measured, drawn = (
        (measure_data(store, split.train)[0], None) if report else begin_statistics(store, split)
    )
    soft_labels = teacher_soft_labels(configuration, store, split)
    initialize = partial(load_pretrained, configuration=configuration, store=store, split=split)
    training = build_training(
        configuration,
        store,
        split.train,
        measured,
        soft_labels=soft_labels,
        initialize=initialize,
        also=also,
    )
    model, loop = training.model, training.loop
    parameters = trainable_parameters(model)
    run.metrics({"parameters": parameters})
    log.info(
        f"model: {configuration.model.name}, {parameters:,} parameters; "
        f"{loop.batches.steps_per_epoch} steps per epoch, {loop.batches.batch_size} clips per step"
    )
    held_out = bool(split.held_out.groups)
    clips = split.validation if held_out else split.train
    predictions: ClipPredictions | None = None
    history = restore(loop, checkpoints, run)
    display = EpochDisplay(loop.epochs, loop.batches.steps_per_epoch, loop.done)

    def evaluate() -> ClipPredictions:
        masking = configuration.model.inference_masking
        probabilities = predict(model, store, clips, training.layout, frame_masking=masking)
        smoothing = configuration.loss.label_smoothing
        return ClipPredictions.of(store, clips, probabilities, label_smoothing=smoothing)

    def objective() -> list[float]:
        return configuration.sweep.values({**history, "parameters": [parameters]})

    def after_epoch(epoch: int, metrics: dict[str, float]) -> None:
        nonlocal predictions
        if held_out:
            predictions = evaluate()
            metrics |= {f"val_{name}": value for name, value in predictions.score().items()}
        for name, value in metrics.items():
            history.setdefault(name, []).append(value)
        if checkpoints:
            # Before the metrics are sent: a resumed run sends those that its checkpoint has.
            checkpoints.save(loop.done, loop.state(), history)
        run.metrics(metrics, step=epoch)
        display.epoch(metrics)
        if report:
            report(objective()[0], epoch)

    try:
        loop.fit(after_epoch, display.step)
    except TrainingDiverged as error:
        raise training_record.name_clips(run, error, loop.batches.paths[error.clips]) from None
    predictions = predictions or evaluate()
    scores = predictions.score()
    if not held_out:
        run.metrics({f"train_{name}": value for name, value in scores.items()})
    run.metrics({f"best_{name}": of(history[name]) for name, of in BEST.items() if name in history})
    trained = training_record.record_result(run, configuration, (store, split), predictions, model)
    if drawn:
        record_report(
            run,
            configuration,
            (store, split),
            statistics=(measured, drawn()),
            predictions=predictions,
            history=history,
            trained=trained,
        )
    log.info(training_summary(predictions, store.clips.labels[split.train], split.held_out.whose))
    return TrainingResult(run.run_id, run.name, history, scores, objective() if report else None)
