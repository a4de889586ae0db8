"""Pretrains one model without labels and tracks it: data -> split -> masked batches -> MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from omegaconf import DictConfig

from gislr.config.configuration import Configuration, open_data
from gislr.data.splits import Split
from gislr.data.store import Store
from gislr.tracking import training_record
from gislr.tracking.resuming import (
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
from gislr.workflows.report import begin_statistics, prepare_to_draw
from gislr.workflows.train_one import TrainingResult
from gislr.workflows.training_data import split_data


def pretrain(config: DictConfig, tags: Mapping[str, str] | None = None) -> TrainingResult:
    """Pretrains one model, see `gislr.training.reconstruction`; never on clips held out.

    Args:
        config: A composed `conf/pretrain.yaml`, see `gislr.config.composition.compose`.
        tags: More tags for the run.

    Returns:
        The run, from which `model.from` starts a training. Its scores are those of
        `evaluate_reconstruction` on the clips held out, or none.

    Raises:
        GislrError: The configuration or the data cannot be used, or the training diverges.
    """
    resumed, config = resumed_run(config)
    configuration = read_with_run_id(config)
    prepare_to_draw()
    store = open_data(configuration)
    fingerprints = training_record.data_tags(store, None)
    if resumed:
        require_same_data(resumed, fingerprints)
    split = split_data(configuration, store)
    run_tags = training_record.starting_tags(configuration, fingerprints, split) | dict(tags or {})
    tracking = configuration.tracking
    with tracked_run(tracking, run_tags, resumed.run_id if resumed else None) as run:
        training_record.record_inputs(run, configuration, store, split)
        with (
            kept_checkpoints(run, tracking, command="pretrain") as checkpoints,
            explain_lack_of_memory(configuration.batches, configuration.training.precision),
        ):
            result = _pretrain(run, configuration, (store, split), checkpoints)
    log.info(
        f"\nrun {run.name} ({run.run_id}), experiment {run.experiment}; look at it with: "
        f"{pages(tracking.uri)}\nstart from it with: gislr train model.from={run.run_id}"
    )
    return result


def _pretrain(
    run: TrackedRun,
    configuration: Configuration,
    data: tuple[Store, Split],
    checkpoints: Checkpoints,
) -> TrainingResult:
    store, split = data
    with quiet_backend():
        from gislr.inference.pretrained import load_pretrained
        from gislr.training.loop import TrainingDiverged
        from gislr.training.reconstruction import evaluate_reconstruction
        from gislr.training.trainer import trainable_parameters
        from gislr.workflows.factory import build_pretraining

    measured, drawn = begin_statistics(store, split)
    initialize = partial(load_pretrained, configuration=configuration, store=store, split=split)
    training = build_pretraining(configuration, store, split.train, measured, initialize=initialize)
    loop = training.loop
    parameters = trainable_parameters(loop.trainer)
    run.metrics({"parameters": parameters})
    log.info(
        f"model: {configuration.model.name}, {parameters:,} parameters; "
        f"{loop.batches.steps_per_epoch} steps per epoch, {loop.batches.batch_size} clips per step"
    )
    history = restore(loop, checkpoints, run)
    display = EpochDisplay(loop.epochs, loop.batches.steps_per_epoch, loop.done)

    def after_epoch(epoch: int, metrics: dict[str, float]) -> None:
        if len(split.validation):
            found = evaluate_reconstruction(loop, split.validation)
            metrics |= {f"val_{name}": value for name, value in found.items()}
        for name, value in metrics.items():
            history.setdefault(name, []).append(value)
        # Before the metrics are sent: a resumed run sends those that its checkpoint has.
        checkpoints.save(loop.done, loop.state(), history)
        run.metrics(metrics, step=epoch)
        display.epoch(metrics)

    try:
        loop.fit(after_epoch, display.step)
    except TrainingDiverged as error:
        raise training_record.name_clips(run, error, loop.batches.paths[error.clips]) from None
    training_record.record_weights(run, store, training.model)
    training_record.record_statistics(run, store, measured, drawn())
    scores = {
        name.removeprefix("val_"): values[-1]
        for name, values in history.items()
        if name.startswith("val_")
    }
    if scores:
        log.info(
            f"masked landmarks of {split.held_out.whose}: loss {scores['loss']:.4f}; "
            f"{scores['baseline_loss']:.4f} for predicting the mean"
        )
    return TrainingResult(run.run_id, run.name, history, scores)
