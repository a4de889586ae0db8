"""Compares runs on the same clips."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from gislr.evaluation.metrics.comparison import ComparedModel
from gislr.evaluation.reports.comparison_page import comparison_figures, comparison_page
from gislr.inference.logged_models import average
from gislr.tracking.run import FINISHED, TrackedRun
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.run_search import find_run, finished_runs
from gislr.tracking.tracking_store import pages
from gislr.tracking.training_record import SWEEP
from gislr.utils.errors import SettingError
from gislr.utils.log import log
from gislr.utils.settings import Text
from gislr.workflows.command_settings import CommandSettings, read_command

_AND = "+"
_COMPARISON = "comparison"
_NO_PARAMETERS = ("tracking.", "preparation.", "sweep.", "experiment")
_OF_FOLDS = ("split.fold", "seed")


class CompareSettings(CommandSettings):
    """Settings of `gislr compare`; `conf/compare.yaml` explains the keys."""

    runs: list[Text]
    experiment: Text | None
    average_seeds: bool


def compare(config: DictConfig) -> str:
    """Compares runs and tracks the comparison as a run.

    Returns:
        The comparison as Markdown.

    Raises:
        GislrError: A run cannot be read, or they were evaluated on different clips.
    """
    settings = read_command(CompareSettings, config)
    tracking = settings.tracking
    groups = [[find_run(tracking, run_id) for run_id in ids.split(_AND)] for ids in settings.runs]
    if settings.experiment is not None:
        finished = finished_runs(tracking, settings.experiment)
        groups += [[run] for run in finished if _COMPARISON not in run.tags]
    if len(groups) < 2:
        raise SettingError(f"A comparison needs at least two runs; got {len(groups)}.")
    models = [_compared_model(group, average_seeds=settings.average_seeds) for group in groups]
    figures = comparison_figures(models)
    page = comparison_page(models, figures)
    text = page.markdown()
    first = groups[0][0]
    compared = ", ".join(_AND.join(run.run_id for run in group) for group in groups)
    tags = {_COMPARISON: compared, "mlflow.note.content": text[:5000]}
    tags["mlflow.source.name"] = "gislr.compare"
    run = first.client.create_run(first.experiment_id, tags=tags, run_name=_COMPARISON)
    run_id = run.info.run_id
    tracked = TrackedRun(first.client, run_id, _COMPARISON, tracking.experiment)
    with tracked.folder() as folder:
        (folder / "comparison.md").write_text(text, encoding="utf-8")
        (folder / "comparison.html").write_text(page.html(), encoding="utf-8")
        for name, figure in figures.items():
            (folder / f"{name}.png").write_bytes(figure)
    tracked.end(FINISHED)
    log.info(f"{text}\ntracked as run {run_id}; to see it: {pages(tracking.uri)}")
    return text


def _compared_model(group: Sequence[LoggedRun], *, average_seeds: bool) -> ComparedModel:
    """Returns a run, or several whose probabilities are averaged seed by seed, to be compared."""
    left_out = (*_NO_PARAMETERS, *(_OF_FOLDS if SWEEP in group[0].tags else ()))
    logged = [run.training().parameters for run in group]
    parameters = {
        key: f" {_AND} ".join(dict.fromkeys(each.get(key, "") for each in logged))
        for key in dict.fromkeys(key for each in logged for key in each)
        if not key.startswith(left_out)
    }
    by_run = [run.predictions() for run in group]
    if len({len(seeds) for seeds in by_run}) > 1:
        raise SettingError(
            "Runs that are averaged must have as many seeds each; got "
            f"{', '.join(str(len(seeds)) for seeds in by_run)}."
        )
    predictions = [average(same_seed) for same_seed in zip(*by_run, strict=True)]
    if average_seeds:
        predictions = [average(predictions)]
    return ComparedModel(f" {_AND} ".join(_name(run) for run in group), parameters, predictions)


def _name(run: LoggedRun) -> str:
    experiment = run.tags.get("experiment", "none")
    return run.name if experiment == "none" else f"{experiment} {run.name}"
