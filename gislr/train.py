"""Trains one model and tracks it: data -> split -> batches -> model -> metrics -> MLflow.

python -m gislr.train model.units=384
python -m gislr.train data=asl_signs data.root=DIR
python -m gislr.train +experiments=quick
python -m gislr.train -m 'model.units=choice(256,384)' hydra.sweeper.n_trials=20
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from omegaconf import DictConfig

from gislr.backend import quiet_backend
from gislr.batches import TrainingBatches
from gislr.commands import run_command
from gislr.configuration import Configuration, read_configuration
from gislr.data import statistics
from gislr.data.splits import Split, split_clips
from gislr.data.store import Store
from gislr.errors import SettingError
from gislr.models import build_model, layout_of
from gislr.prepare import open_data
from gislr.sweeping.tracker import RUN_ID, track_sweeps, trial_tags
from gislr.terminal import EpochDisplay, note
from gislr.tracking import record
from gislr.tracking.run import TrackedRun, tracked_run
from gislr.tracking.store import pages
from hydra_plugins.optuna_sweeper import ReportingTrial, current_trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEST = {"val_acc": max, "val_weighted_f1": max, "val_loss": min}
"""Logged once at the end as best_*; for information, since the last epoch's model is kept."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to.

    Attributes:
        run_id: MLflow's id of the run.
        run_name: Its name.
        history: A value an epoch of every metric.
        scores: The last epoch's scores on the held-out signers' clips; on the clips trained on
            when no signer is held out.
        objective: In a sweep, the values that it makes better.
    """

    run_id: str
    run_name: str
    history: dict[str, list[float]]
    scores: dict[str, float]
    objective: list[float] | None = None


def train(config: DictConfig, tags: Mapping[str, str] | None = None) -> TrainingResult:
    """Trains, evaluates and tracks one model.

    Args:
        config: A composed `conf/train.yaml`.
        tags: More tags for the run.

    Raises:
        GislrError: The configuration or the data cannot be used.
    """
    configuration = read_configuration(config)
    store = open_data(configuration)
    split = split_clips(configuration.split, store.clips.signers, store.listed.signers)
    _describe(configuration, store, split)
    trial = current_trial()
    started = {
        **record.starting_tags(configuration, store, split),
        **trial_tags(trial, configuration),
        **(tags or {}),
    }
    with tracked_run(configuration.tracking, started) as run:
        if trial:
            trial.note(RUN_ID, run.run_id)
        record.record_inputs(run, configuration, store, split)
        result = _train(run, configuration, store, split, trial)
    look = pages(configuration.tracking.uri)
    note(f"\nrun {run.name} ({run.run_id}), experiment {run.experiment}; look at it with: {look}")
    return result


def _train(
    run: TrackedRun,
    configuration: Configuration,
    store: Store,
    split: Split,
    trial: ReportingTrial | None,
) -> TrainingResult:
    with quiet_backend():
        from gislr.evaluation import score, summary
        from gislr.training import devices, loop
        from gislr.training.prediction import predict
        from gislr.training.trainer import trainer_of

    shows = _taught(configuration, store, split)
    loop.prepare_backend(configuration.seed, configuration.training.deterministic)
    count = devices.count_devices(configuration.training.devices)
    layout = layout_of(configuration.model, store.most_frames, count)
    measured = statistics.measure(store, split.train)
    record.record_statistics(run, store, split.train, measured)
    batches = TrainingBatches(
        store,
        split.train,
        layout,
        clips_per_sign=configuration.batches.clips_per_sign,
        balance=configuration.batches.balance,
        frame_masking=configuration.model.frame_masking,
        seed=configuration.seed,
        augmentation=configuration.augmentation,
        shows=shows,
    )
    with devices.device_scope(count):
        model = build_model(
            configuration.model,
            signs=len(store.signs),
            layout=layout,
            preprocessing=store.preprocessing,
            precision=configuration.training.precision,
            statistics=measured,
        )
        trainer = trainer_of(
            model,
            configuration.arcface,
            perturbed=configuration.training.perturbation > 0,
            several_signs=batches.several_signs,
        )
        loop.compile_model(
            trainer,
            configuration.optimizer,
            configuration.loss,
            several_signs=batches.several_signs,
        )
    parameters = loop.trainable_parameters(model)
    run.metrics({"parameters": parameters})
    note(
        f"model: {configuration.model.name}, {parameters:,} parameters; "
        f"{batches.steps_per_epoch} steps an epoch, {batches.clips_per_batch} clips a step"
    )

    def evaluate(clips: NDArray[np.int64]) -> tuple[NDArray[np.float32], dict[str, float]]:
        masking = configuration.model.inference_masking
        probabilities = predict(model, store, clips, layout, frame_masking=masking)
        labels = store.clips.labels[clips]
        return probabilities, score(labels, probabilities, configuration.loss.label_smoothing)

    judged = split.validation if split.held_out else split.train
    history: dict[str, list[float]] = {"parameters": [parameters]}
    display = EpochDisplay(configuration.training.epochs, batches.steps_per_epoch)
    for epoch in loop.train_epochs(
        trainer,
        batches,
        epochs=configuration.training.epochs,
        learning_rate=configuration.optimizer.learning_rate,
        schedule=configuration.schedule,
        averaged_epochs=configuration.training.averaged_epochs,
        perturbation=configuration.training.perturbation,
        perturbation_epoch=configuration.training.perturbation_epoch,
        on_step=display.step,
    ):
        metrics = epoch.metrics
        if split.held_out:
            probabilities, scores = evaluate(judged)
            metrics = metrics | {f"val_{name}": value for name, value in scores.items()}
        run.metrics(metrics, step=epoch.number)
        display.epoch(metrics)
        for name, value in metrics.items():
            history.setdefault(name, []).append(value)
        if trial:
            trial.report(configuration.sweep.values(history)[0], epoch.number)
    if not split.held_out:
        probabilities, scores = evaluate(judged)
        run.metrics({f"seen_{name}": value for name, value in scores.items()})
    run.metrics({f"best_{name}": of(history[name]) for name, of in BEST.items() if name in history})
    record.record_evaluation(
        run, store, judged, probabilities, history, held_out=bool(split.held_out)
    )
    record.record_model(run, model, configuration, store)
    note(
        summary.text(
            scores,
            labels=store.clips.labels[judged],
            train_labels=store.clips.labels[split.train],
            probabilities=probabilities,
            signs=store.signs,
            held_out=bool(split.held_out),
        )
    )
    objective = configuration.sweep.values(history) if trial else None
    return TrainingResult(run.run_id, run.name, history, scores, objective)


def _taught(configuration: Configuration, store: Store, split: Split) -> NDArray[np.float32] | None:
    """Returns how much of each sign every clip shows where there are teachers, else `None`."""
    from gislr.tracking.again import StoresOfRuns, average, predict_again
    from gislr.tracking.logged import find_run
    from gislr.training.distillation import targets

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
    taught = average([predict_again(run, stores.of(run), held_out_only=False) for run in teachers])
    if taught.signs != store.signs:
        raise SettingError(
            "distillation.teachers must know the same signs as the data; they do not."
        )
    return targets(store.clips.labels, taught.probabilities, settings.share)


def main(config: DictConfig) -> list[float] | None:
    """Trains, and returns what a sweep makes better."""
    return train(config).objective


def _describe(configuration: Configuration, store: Store, split: Split) -> None:
    note(f"data: {configuration.data['name']}, {store.summary()}")
    if configuration.data["name"] == "sample":
        note("      simulated by gislr: scores on it say nothing about sign language")
    signers = len(np.unique(store.listed.signers))
    if split.held_out:
        note(
            f"split: {configuration.split.name} counts signers; {len(split.held_out)} of {signers} "
            f"held out: {', '.join(split.held_out)}; clips: {len(split.train):,} to train on, "
            f"{len(split.validation):,} to validate on"
        )
    else:
        note(f"split: none, trains on all {signers} signers; nothing is left to validate on")


if __name__ == "__main__":
    track_sweeps()
    run_command(main, "train")
