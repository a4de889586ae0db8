"""The report of a training: its pages and figures, and the model that MLflow loads.

A training draws it at its end. A trial of a sweep does not: `gislr report` draws it of what the
trial recorded, and a sweep does so for its best trial.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from gislr.config.configuration import Configuration, open_data
from gislr.config.overrides import to_overrides
from gislr.data.landmark_statistics import Statistics
from gislr.data.splits import Split
from gislr.data.store import Store
from gislr.evaluation.metrics.clip_predictions import FILE, ClipPredictions
from gislr.evaluation.reports.report_files import landmark_images
from gislr.sweeping.parent_run import RUN_ID
from gislr.sweeping.sweep_tracker import SweepTracker
from gislr.tracking import training_record
from gislr.tracking.run import TrackedRun
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.run_search import find_run
from gislr.utils.background import begin, is_forked
from gislr.utils.errors import GislrError
from gislr.utils.log import log
from gislr.utils.quiet import quiet_backend
from gislr.utils.settings import Text
from gislr.workflows.command_settings import CommandSettings, read_command
from gislr.workflows.training_data import measure_data, split_data
from hydra_plugins.optuna_sweeper import (
    Sweep,
    begin_preloading,
    is_gone,
    owner_tag,
    preload,
    run_forked,
)

if TYPE_CHECKING:
    from gislr.models.serving import TrainedModel

_DRAWN_BY = "report"
"""User attribute of a study: the run whose report is drawn, and the process that draws it."""


class ReportSettings(CommandSettings):
    """Settings of `gislr report`; `conf/report.yaml` explains the keys."""

    run: Text


def report(config: DictConfig) -> None:
    """Draws the report of a run that has none, or draws it again.

    Args:
        config: A composed `conf/report.yaml`.

    Raises:
        GislrError: The run is no finished training, or its data has changed.
    """
    settings = read_command(ReportSettings, config)
    run = find_run(settings.tracking, settings.run).training()
    folder = draw_report(run)
    log.info(f"run {run.name} ({run.run_id}) has its report: {folder}/")


def draw_report(run: LoggedRun) -> str:
    """Draws the report of a run of what it recorded, and returns the artifact that holds it.

    Raises:
        GislrError: The run did not end well, or its data has changed.
    """
    configuration = run.configuration()
    store = open_data(configuration)
    if (trained_on := run.tags.get(training_record.FINGERPRINT)) != store.fingerprint:
        raise GislrError(
            f"The data must be that of run {run.run_id}, {trained_on}; it is {store.fingerprint} "
            "now. Train anew."
        )
    split = split_data(configuration, store)
    evaluation = training_record.evaluation_folder(split)
    with TemporaryDirectory() as folder:
        predictions = ClipPredictions.load(run.artifact(f"{evaluation}/{FILE}", Path(folder)))
    prepare_to_draw()
    with quiet_backend():
        from gislr.inference.logged_models import trained_model
    measured, drawn = begin_statistics(store, split)
    experiment = run.client.get_experiment(run.experiment_id).name
    record_report(
        TrackedRun(run.client, run.run_id, run.name, experiment),
        configuration,
        (store, split),
        statistics=(measured, drawn()),
        predictions=predictions,
        history=run.history(),
        trained=trained_model(run),
    )
    return evaluation


def prepare_to_draw() -> None:
    """Begins to import what reports are drawn with, in the process that draws them.

    TensorFlow is not among it, so that a forked process can use all of it.
    """
    if not is_forked():
        preload("gislr.evaluation.reports.drawing_libraries")
        begin_preloading()


def begin_statistics(
    store: Store, split: Split
) -> tuple[Statistics, Callable[[], dict[str, bytes]]]:
    """Returns the statistics of training clips, and what waits for their figures, PNG by part."""
    measured, frames = measure_data(store, split.train)
    return measured, begin(landmark_images, frames, store.preprocessing.landmark_set)


def record_report(
    run: TrackedRun,
    configuration: Configuration,
    data: tuple[Store, Split],
    *,
    statistics: tuple[Statistics, Mapping[str, bytes]],
    predictions: ClipPredictions,
    history: Mapping[str, Sequence[float]],
    trained: TrainedModel,
) -> None:
    """Records the statistics, the evaluation's pages and the model of a training.

    `statistics` is what `begin_statistics` returned, its figures drawn.
    """
    store, split = data
    with training_record.recorded_pages(run, store, predictions, history, split):
        training_record.record_statistics(run, store, *statistics)
        training_record.record_model(run, trained)


class ReportedSweep(SweepTracker):
    """Records a sweep of trainings; when it is complete, draws the report of the best one."""

    def on_sweep_end(self, sweep: Sweep, reason: str | None) -> None:
        """Ends the sweep's run, then draws the report."""
        super().on_sweep_end(sweep, reason)
        ranked = sweep.ranked()
        run_id = ranked[0].user_attrs.get(RUN_ID) if ranked and reason is None else None
        if run_id is None or self.is_outer:
            return
        if "running" in sweep.counts():
            log.info("other workers still run trials; the last one draws the best one's report")
            return
        if not sweep.in_turn(lambda _: _is_first(sweep, str(run_id))):
            log.info("another worker draws the report of the best trial")
            return
        log.info("draws the report of the best trial; of another: gislr report run=RUN_ID")
        keys = {"run": str(run_id), "tracking": {"uri": self._configuration.tracking.uri}}
        if failure := run_forked("-m", "gislr.report", *to_overrides(keys)):
            log.warning(f"The best trial has no report: {failure}")


def _is_first(sweep: Sweep, run_id: str) -> bool:
    """Tells whether no other process draws this report, and leaves word that this one does."""
    run, _, owner = str(sweep.study.user_attrs.get(_DRAWN_BY, "")).partition(" ")
    if run == run_id and owner != owner_tag() and not is_gone(owner):
        return False
    sweep.study.set_user_attr(_DRAWN_BY, f"{run_id} {owner_tag()}")
    return True
