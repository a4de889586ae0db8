"""Trains one model and tracks it: data -> split -> batches -> model -> metrics -> MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from omegaconf import DictConfig

from gislr.config.configuration import RESUME, Configuration, open_data, read_configuration
from gislr.data import landmark_statistics as statistics
from gislr.data.splits import Split, split_clips
from gislr.data.store import Store
from gislr.inference.teachers import teacher_soft_labels
from gislr.sweeping.parent_run import RUN_ID, trial_tags
from gislr.sweeping.sweep_tracker import SweepTracker
from gislr.tracking import record
from gislr.tracking.resuming import (
    interrupted_run,
    kept_checkpoints,
    require_same_data,
    resumed_configuration,
)
from gislr.tracking.run import TrackedRun, tracked_run
from gislr.tracking.tracking_store import pages
from gislr.training.memory import lack_of_memory_told
from gislr.utils.log import log
from gislr.utils.quiet import quiet_backend
from gislr.utils.terminal import EpochDisplay
from hydra_plugins.optuna_sweeper import current_trial, report_or_prune

if TYPE_CHECKING:
    import optuna

    from gislr.training.checkpoints import Checkpoints
    from gislr.training.loop import Epoch

BEST = {"val_acc": max, "val_weighted_f1": max, "val_loss": min}
"""Logged once at the end as best_*; for information, since the last epoch's model is kept."""


DIVERGED = "diverged_clips.txt"
"""Artifact that names the clips of the step after which the loss was no number."""


SWEEP_CALLBACK = SweepTracker
"""Tracks a sweep of trainings."""


@dataclass(frozen=True)
class TrainingResult:
    """The results of a training.

    Attributes:
        run_id: MLflow's id of the run.
        run_name: Its name.
        history: One value per epoch of every metric.
        scores: The last epoch's scores on the held-out signers' clips; on the clips trained on
            when no signer is held out.
        objective: In a sweep, the values that it makes better.
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


def train(config: DictConfig, tags: Mapping[str, str] | None = None) -> TrainingResult:
    """Trains, evaluates and tracks one model.

    Args:
        config: A composed `conf/train.yaml`.
        tags: More tags for the run.

    Raises:
        GislrError: The configuration or the data cannot be used.
    """
    trial = current_trial()
    resumed = None
    if config.get(RESUME) is not None:
        resumed = interrupted_run(config)
        config = resumed_configuration(resumed, config)
    configuration = read_configuration(config)
    store = open_data(configuration)
    if resumed:
        require_same_data(resumed, store.fingerprint)
    split = split_clips(configuration.split, store.clips.signers, store.all_clips.signers)
    _describe(configuration, store, split)
    started = {
        **record.starting_tags(configuration, store, split),
        **trial_tags(trial, configuration),
        **(tags or {}),
    }
    with tracked_run(
        configuration.tracking,
        started,
        resumed.run_id if resumed else None,
        # Those who start a training read that the server is gone; a sweep runs by itself.
        patient=trial is not None,
    ) as run:
        if trial:
            trial.set_user_attr(RUN_ID, run.run_id)
        record.record_inputs(run, configuration, store, split)
        with (
            # What a sweep needs to go on is in its study.
            nullcontext()
            if trial
            else kept_checkpoints(run, configuration.tracking) as checkpoints,
            lack_of_memory_told(
                configuration.batches.samples_per_class, configuration.training.precision
            ),
        ):
            result = _train(run, configuration, (store, split), trial, checkpoints)
    look = pages(configuration.tracking.uri)
    log.info(
        f"\nrun {run.name} ({run.run_id}), experiment {run.experiment}; look at it with: {look}"
    )
    return result


def _train(
    run: TrackedRun,
    configuration: Configuration,
    data: tuple[Store, Split],
    trial: optuna.Trial | None,
    checkpoints: Checkpoints | None,
) -> TrainingResult:
    store, split = data
    with quiet_backend():
        from gislr.evaluation.metrics.clip_predictions import ClipPredictions
        from gislr.evaluation.reports.summary import training_summary
        from gislr.training.compiling import trainable_parameters
        from gislr.training.prediction import predict
        from gislr.workflows.factory import build

    measured = statistics.measure(store, split.train)
    record.record_statistics(run, store, split.train, measured)
    shows = teacher_soft_labels(configuration, store, split)
    built = build(configuration, store, split.train, measured, shows)
    parameters = trainable_parameters(built.model)
    run.metrics({"parameters": parameters})
    log.info(
        f"model: {configuration.model.name}, {parameters:,} parameters; "
        f"{built.batches.steps_per_epoch} steps an epoch, "
        f"{built.batches.batch_size} clips a step"
    )
    judged = split.validation if split.held_out else split.train

    def evaluate() -> tuple[ClipPredictions, dict[str, float]]:
        masking = configuration.model.inference_masking
        probabilities = predict(built.model, store, judged, built.layout, frame_masking=masking)
        smoothing = configuration.loss.label_smoothing
        predictions = ClipPredictions.of(store, judged, probabilities, label_smoothing=smoothing)
        return predictions, predictions.score()

    history: dict[str, list[float]] = {}

    def objective() -> list[float]:
        return configuration.sweep.values({**history, "parameters": [parameters]})

    if checkpoints and (found := checkpoints.newest()):
        built.loop.restore(found.state)
        history = found.history
        for number, values in enumerate(zip(*history.values(), strict=True)):
            run.metrics(dict(zip(history, values, strict=True)), step=number)
        log.info(f"goes on after epoch {built.loop.done}")
    display = EpochDisplay(
        configuration.training.epochs, built.batches.steps_per_epoch, built.loop.done
    )
    evaluated = None
    for epoch in _convergent(built.loop.epochs(display.step), run, store):
        metrics = epoch.metrics
        if split.held_out:
            evaluated = evaluate()
            metrics = metrics | {f"val_{name}": value for name, value in evaluated[1].items()}
        for name, value in metrics.items():
            history.setdefault(name, []).append(value)
        if checkpoints:
            # Before the metrics are sent: what a killed run lacks of them is in its checkpoint.
            checkpoints.save(built.loop.done, built.loop.state(), history)
        run.metrics(metrics, step=epoch.number)
        display.epoch(metrics)
        if trial:
            report_or_prune(trial, objective()[0], epoch.number)
    predictions, scores = evaluated or evaluate()
    if not split.held_out:
        run.metrics({f"train_{name}": value for name, value in scores.items()})
    run.metrics({f"best_{name}": of(history[name]) for name, of in BEST.items() if name in history})
    record.record_evaluation(run, store, predictions, history, held_out=bool(split.held_out))
    record.record_model(run, built.model, configuration, store)
    train_labels = store.clips.labels[split.train]
    log.info(training_summary(predictions, train_labels, held_out=bool(split.held_out)))
    return TrainingResult(run.run_id, run.name, history, scores, objective() if trial else None)


def _convergent(epochs: Iterator[Epoch], run: TrackedRun, store: Store) -> Iterator[Epoch]:
    """Passes epochs on; names the clips of the step after which the loss was no number."""
    from gislr.training.loop import TrainingDiverged

    try:
        yield from epochs
    except TrainingDiverged as error:
        paths = store.clips.paths[error.clips].tolist()
        with run.folder() as folder:
            (folder / DIVERGED).write_text("".join(f"{p}\n" for p in paths), encoding="utf-8")
        shown = ", ".join(ascii(path)[1:-1] for path in paths[:3])
        raise TrainingDiverged(
            f"{error} The step's {len(paths)} clips are in the run's {DIVERGED}: {shown}, ...",
            error.clips,
        ) from None


def _describe(configuration: Configuration, store: Store, split: Split) -> None:
    log.info(f"data: {configuration.data.name}, {store.summary()}")
    if configuration.data.name == "sample":
        log.info("      simulated by gislr: scores on it say nothing about sign language")
    signers = len(np.unique(store.all_clips.signers))
    if split.held_out:
        log.info(
            f"split: {configuration.split.name} counts signers; {len(split.held_out)} of {signers} "
            f"held out: {', '.join(split.held_out)}; clips: {len(split.train):,} to train on, "
            f"{len(split.validation):,} to validate on"
        )
    else:
        log.info(f"split: none, trains on all {signers} signers; nothing is left to validate on")
