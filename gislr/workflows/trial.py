"""Trains what a sweep's trial asks for: one model, or one for each fold and seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from omegaconf import DictConfig

from gislr.config.configuration import open_also, open_data, read_configuration
from gislr.config.trial_folds import TrialFolds, identity_values
from gislr.evaluation.metrics.clip_predictions import ClipPredictions, pooled
from gislr.evaluation.metrics.folds import cross_validation
from gislr.evaluation.metrics.intervals import SCORES, paired_differences
from gislr.sweeping.evaluated_trials import held_out_predictions
from gislr.sweeping.fold_tracker import record_cross_validation
from gislr.sweeping.parent_run import RUN_ID, finished_result, parent_tags, trial_tags
from gislr.tracking import provenance
from gislr.tracking.outbox import attempt
from gislr.tracking.run import RUN_NAME, TrackedRun, tracked_run
from gislr.tracking.run_reader import PARENT_TAG, LoggedRun
from gislr.tracking.run_search import read_with_run_id
from gislr.tracking.training_record import IDENTITY, SWEEP, data_tags
from gislr.utils.log import log
from gislr.utils.settings import flatten
from gislr.workflows.train_one import TrainingResult, train_one

if TYPE_CHECKING:
    import optuna


def train_trial(config: DictConfig, trial: optuna.Trial) -> TrainingResult:
    """Trains one model, or with `sweep.folds` one for each fold and seed, in a run for all.

    Each of them is a run of its own; those that an interrupted trial has finished are not trained
    again. A trial ends early, as pruned, when after a fold of the first seed it is significantly
    worse than the best trial on the signers so far.

    Raises:
        GislrError: The configuration or the data cannot be used, or a training diverges.
    """
    configuration = read_with_run_id(config)
    folds = TrialFolds.of(configuration)
    if folds is None:
        return train_one(config, trial=trial)
    store = open_data(configuration)
    fingerprints = data_tags(store, open_also(configuration))
    tags = {
        **parent_tags(configuration),
        **fingerprints,
        SWEEP: trial.study.study_name,
        IDENTITY: provenance.identity(identity_values(configuration), fingerprints),
        **trial_tags(trial, configuration),
    }
    predictions: dict[tuple[int, int], ClipPredictions] = {}
    values: list[list[float]] = []
    with tracked_run(configuration.tracking, tags, patient=True) as run:
        trial.set_user_attr(RUN_ID, run.run_id)
        run.parameters(dict(flatten(folds.values)))
        trainings = folds.trainings()
        for position, ((fold, seed), training) in enumerate(trainings.items()):
            name = f"fold {fold}, seed {seed}"
            found = _finished(run, training, fingerprints, trial.study.study_name)
            if found is None:
                tags = {PARENT_TAG: run.run_id, RUN_NAME: name}
                trained = train_one(training, tags, trial, position)
                found = trained.run_id, trained.objective or []
                _forget_models()
            else:
                log.info(f"{name}: run {found[0]} is finished")
            run_id, of_objectives = found
            values.append(of_objectives)
            predictions[fold, seed] = held_out_predictions(LoggedRun.of(run.client, run_id))
            if seed == configuration.seed and position < len(trainings) - 1:
                _prune_if_worse(trial, run, configuration.sweep.objectives, [*predictions.values()])
        result = cross_validation(predictions)
        record_cross_validation(run, result, store)
        objective = np.mean(values, axis=0).tolist()
        means = dict(zip(configuration.sweep.objectives, objective, strict=True))
        run.metrics(means)
    scores = {name: interval.value for name, interval in result.intervals.items()}
    history = {name: [value] for name, value in means.items()}
    return TrainingResult(run.run_id, run.name, history, scores, objective)


def _finished(
    run: TrackedRun, config: DictConfig, fingerprints: Mapping[str, str], study: str
) -> tuple[str, list[float]] | None:
    """Returns the run of a training that is finished and its values of the objectives."""
    configuration = read_configuration(config)
    identity = provenance.identity(configuration.values, fingerprints)
    finished = finished_result(configuration, identity)
    if finished is None:
        return None
    run_id = finished.attributes[RUN_ID]
    # The run of the attempt that trained it has ended early.
    if LoggedRun.of(run.client, run_id).tags.get("study") == study:
        run.client.set_tag(run_id, PARENT_TAG, run.run_id)
    return run_id, [*finished.values]


def _forget_models() -> None:
    """Frees the models of a training, which would stay in memory beside those of the next."""
    import keras

    keras.backend.clear_session()


def _prune_if_worse(
    trial: optuna.Trial, run: TrackedRun, objectives: list[str], done: list[ClipPredictions]
) -> None:
    """Ends a trial that is significantly worse than the best one on the same signers."""
    from optuna import TrialPruned
    from optuna.pruners import NopPruner
    from optuna.trial import TrialState

    [score, *others] = [name.removeprefix("val_") for name in objectives]
    study = trial.study
    if others or score not in SCORES or isinstance(study.pruner, NopPruner):
        return
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not complete:
        return
    best = max(complete, key=lambda each: each.values[0])
    run_id, kept = str(best.user_attrs[RUN_ID]), list[ClipPredictions]()
    # A store that does not answer is no reason to fail.
    attempt(lambda: kept.extend(LoggedRun.of(run.client, run_id).predictions()))
    if not kept:
        return
    mine = pooled(done)
    reference = kept[0].rows(np.isin(kept[0].clips, mine.clips))
    found = paired_differences([reference], [mine])[score]
    if found.interval.high < 0 and found.verdict == "significant":
        raise TrialPruned(
            f"Pruned after fold {len(done) - 1}: {score} is worse than in trial {best.number}, "
            f"by {found.interval.value:.4f} ({found.interval.ends}), on {found.signers} signers."
        )
