"""Compares runs: what differs, by how much, and whether it could be chance.

    python -m gislr.compare RUN RUN...          the first one is what the others are held against
    python -m gislr.compare experiment=NAME     every finished run of an experiment
    python -m gislr.compare RUN RUN+RUN         the second is two models, probabilities averaged

Runs are trainings on the same held-out signers, or cross-validations of the same data. The result
is printed as Markdown and kept in MLflow, with pictures, as a run of the first one's experiment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gislr.cli.hydra_app import argument_parser, errors_as_messages
from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.store import pages
from gislr.utils.errors import SettingError
from gislr.utils.log import log

if TYPE_CHECKING:
    from gislr.evaluation.metrics.comparison import ComparedModel
    from gislr.tracking.run_reader import LoggedRun

_EXPERIMENT = "experiment="
_AND = "+"
_COMPARISON = "comparison"
_NO_PARAMETERS = ("tracking.", "preparation.", "sweep.", "experiment")
_OF_FOLDS = ("split.fold", "seed")


def compare_runs(
    settings: TrackingSettings, named: Sequence[str], *, average_seeds: bool = False
) -> str:
    """Compares runs and keeps the comparison in MLflow.

    Args:
        settings: Where the runs are kept.
        named: Ids of runs, `experiment=NAME`, or ids joined by + for models that are averaged.
        average_seeds: Whether the seeds of a run are one model, their probabilities averaged.

    Returns:
        The comparison as Markdown.

    Raises:
        GislrError: A run cannot be read, or they were evaluated on different clips.
    """
    from gislr.evaluation.metrics.comparison import compare
    from gislr.evaluation.reports import comparison_page
    from gislr.tracking.run import FINISHED, TrackedRun
    from gislr.tracking.run_reader import find_run, finished_runs

    teams: list[list[LoggedRun]] = []
    for name in named:
        if name.startswith(_EXPERIMENT):
            finished = finished_runs(settings, name.removeprefix(_EXPERIMENT))
            teams += [[run] for run in finished if _COMPARISON not in run.tags]
        else:
            teams.append([find_run(settings, run_id) for run_id in name.split(_AND)])
    if len(teams) < 2:
        raise SettingError(f"A comparison needs two runs at least; got {len(teams)}.")
    found = compare([_compared_model(team, average_seeds=average_seeds) for team in teams])
    text = comparison_page.markdown(found)
    first = teams[0][0]
    client = first.client
    compared = ", ".join(_AND.join(run.run_id for run in team) for team in teams)
    tags = {_COMPARISON: compared, "mlflow.note.content": text[:5000]}
    tags["mlflow.source.name"] = "gislr.compare"
    kept = client.create_run(first.experiment_id, tags=tags, run_name="comparison")
    tracked = TrackedRun(client, kept.info.run_id, "comparison", settings.experiment)
    figures = comparison_page.comparison_figures(found)
    with tracked.folder() as folder:
        (folder / "comparison.md").write_text(text, encoding="utf-8")
        (folder / "comparison.html").write_text(
            comparison_page.html(found, figures), encoding="utf-8"
        )
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png")
    client.set_terminated(kept.info.run_id, FINISHED)
    log.info(f"{text}\ntracked as run {kept.info.run_id}; look at it with: {pages(settings.uri)}")
    return text


def _compared_model(team: Sequence[LoggedRun], *, average_seeds: bool) -> ComparedModel:
    """Returns a run, or several whose probabilities are averaged seed by seed, to be compared."""
    from gislr.evaluation.metrics.comparison import ComparedModel
    from gislr.inference.logged_models import average
    from gislr.tracking.record import SWEEP

    left_out = (*_NO_PARAMETERS, *(_OF_FOLDS if SWEEP in team[0].tags else ()))
    found = [run.training().parameters for run in team]
    keys = dict.fromkeys(key for parameters in found for key in parameters)
    parameters = {
        key: f" {_AND} ".join(dict.fromkeys(each.get(key, "") for each in found))
        for key in keys
        if not key.startswith(left_out)
    }
    by_run = [run.predictions() for run in team]
    if len({len(seeds) for seeds in by_run}) > 1:
        raise SettingError(
            "Runs that are averaged must have as many seeds each; got "
            f"{', '.join(str(len(seeds)) for seeds in by_run)}."
        )
    predictions = [average(same_seed) for same_seed in zip(*by_run, strict=True)]
    if average_seeds:
        predictions = [average(predictions)]
    return ComparedModel(f" {_AND} ".join(_called(run) for run in team), parameters, predictions)


def _called(run: LoggedRun) -> str:
    experiment = run.tags.get("experiment", "none")
    return run.name if experiment == "none" else f"{experiment} {run.name}"


def main() -> None:
    """Reads the command line."""
    parser = argument_parser("compare", __doc__)
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="ids of runs, RUN+RUN, or experiment=NAME"
    )
    parser.add_argument(
        "--average-seeds",
        action="store_true",
        help="take the seeds of a cross-validation for one model, their probabilities averaged",
    )
    parser.add_argument("--uri", help="another tracking store than the project's own")
    arguments = parser.parse_args()
    with errors_as_messages():
        compare_runs(
            TrackingSettings(uri=arguments.uri, experiment="gislr", run_name=None),
            arguments.runs,
            average_seeds=arguments.average_seeds,
        )
