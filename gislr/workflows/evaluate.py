"""Evaluates a logged model on its own data or on other, or several models averaged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from omegaconf import DictConfig

from gislr.data.held_out import SIGNER
from gislr.data.sources import SOURCES
from gislr.data.store import Store
from gislr.evaluation.figures.canvas import count_of
from gislr.evaluation.metrics.calibration import at_temperature, scale_probabilities
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.intervals import score_intervals
from gislr.evaluation.metrics.rejection import Rejection, judge_rejection
from gislr.evaluation.reports.run_report import write_evaluation
from gislr.inference.logged_models import Part
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.run_search import find_run
from gislr.tracking.training_record import FINGERPRINT, TEMPERATURE, THRESHOLD
from gislr.utils.errors import SettingError
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.quiet import quiet_backend
from gislr.utils.settings import Text
from gislr.workflows.command_settings import CommandSettings, read_command

TEST_EVALUATIONS = "test_evaluations"
"""Tag: how often a run was evaluated on the test split."""


class EvaluateSettings(CommandSettings):
    """Settings of `gislr evaluate`; `conf/evaluate.yaml` explains the keys."""

    run: Text | list[Text]
    split: Part | None
    output: Text | None
    data: Any = None  # Hydra leaves the key out where no data is chosen


def evaluate(config: DictConfig) -> dict[str, float]:
    """Evaluates a run's model and says whether the scores equal those that it logged.

    Returns:
        The scores by metric.

    Raises:
        GislrError: The run cannot be read, or the data does not suit it.
    """
    settings = read_command(EvaluateSettings, config)
    with quiet_backend():
        from gislr.inference.logged_models import average, open_stores, predict_logged
    names = settings.run if isinstance(settings.run, list) else [settings.run]
    named = [find_run(settings.tracking, name) for name in names]
    runs = [member for each in named for member in each.members()]
    if not runs:
        raise SettingError("run must be the id of a run, or a list of at least one.")
    run = runs[0]
    configuration = run.configuration()
    if settings.data is not None:
        configuration = dataclasses.replace(configuration, data=SOURCES.read(settings.data))
    stores = open_stores(configuration, runs)
    store = stores[0]
    own = store.fingerprint == run.tags.get(FINGERPRINT)
    held_out = run.held_out()
    part = settings.split or ("val" if own and held_out.groups else "all")
    by_run = [predict_logged(each, clips, part) for each, clips in zip(runs, stores, strict=True)]
    predictions = average(by_run)
    rejection = _judge_rejection(runs, stores, by_run, part)
    scores = predictions.score()
    everything = "all clips, also those trained on" if settings.data is None else "all clips"
    whose = {"val": held_out.whose, "test": "the test split", "all": everything}[part]
    if settings.data is None and not own:
        log.warning("the data has changed since the run, so its clips held out are not known")
    log.info(f"\n{len(predictions):,} clips of {whose}, {configuration.data.name} data")
    intervals = score_intervals([predictions])
    for name, value in scores.items():
        found = intervals.get(name)
        log.info(f"  {name:<18} {value:.6f}" + (f" ({found.ends})" if found else ""))
    log.info(f"in parentheses: 95% intervals {predictions.intervals_over}")
    log.info(str(rejection))
    if len(runs) > 1:
        log.info(f"the probabilities of {len(runs)} models, averaged")
    elif own and part == "val":
        other = [name for name, value in scores.items() if run.metrics.get(f"val_{name}") != value]
        log.info(
            f"differs from the logged metrics: {', '.join(other)}"
            if other
            else "equals the logged metrics"
        )
    if own and part == "test":
        for each in named:
            _record_test(each, scores if len(named) == 1 else {})
    if settings.output is not None:
        folder = resolve_here(settings.output)
        new = part == "val" and held_out.column == SIGNER
        write_evaluation(
            folder,
            predictions,
            store,
            title=run.name,
            whose=whose,
            new_signers=new,
            rejection=rejection,
        )
        log.info(f"written to {folder}")
    return scores


def _judge_rejection(
    runs: Sequence[LoggedRun],
    stores: Sequence[Store],
    predictions: Sequence[ClipPredictions],
    part: Part,
) -> Rejection:
    """Judges the runs' threshold by their predictions and by clips of signs they do not know."""
    from gislr.inference.logged_models import average, predict_unknown

    temperatures = [run.metrics.get(TEMPERATURE, 1.0) for run in runs]
    known = [at_temperature(*pair) for pair in zip(predictions, temperatures, strict=True)]
    unknown = [
        scale_probabilities(predict_unknown(run, store, part), temperature)
        for run, store, temperature in zip(runs, stores, temperatures, strict=True)
    ]
    lacking = sorted(set(stores[0].signs) - set(predictions[0].signs))
    if lacking:
        log.info(
            f"and {count_of(len(unknown[0]), 'clip')} of {count_of(len(lacking), 'sign')} that the "
            "model does not know: "
            f"{', '.join(lacking[:5])}{', ...' if len(lacking) > 5 else ''}"
        )
    threshold = np.mean([run.metrics.get(THRESHOLD, 0.0) for run in runs])
    return judge_rejection(average(known), float(threshold), np.mean(unknown, axis=0))


def _record_test(run: LoggedRun, scores: Mapping[str, float]) -> None:
    """Records scores on the test split with a run, and how often it was evaluated on it.

    The scores of an average are not those of one run: they only count.
    """
    times = int(run.tags.get(TEST_EVALUATIONS, 0)) + 1
    for name, value in scores.items():
        run.client.log_metric(run.run_id, f"test_{name}", value, step=times)
    run.client.set_tag(run.run_id, TEST_EVALUATIONS, str(times))
    log.info(f"run {run.run_id}: evaluated on the test split {times} times, this one included")
    if times > 1:
        log.warning("report the first result: what is chosen by looking at test fits test")
