"""Compares runs: what differs, by how much, and whether it could be chance.

    python -m gislr.compare RUN RUN...          the first one is what the others are held against
    python -m gislr.compare experiment=NAME     every finished run of an experiment

Runs are trainings on the same held-out signers, or cross-validations of the same data. The result
is printed as Markdown and kept in MLflow, with pictures, as a run of the first one's experiment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gislr.commands import argument_parser, failures_in_one_line
from gislr.errors import SettingError
from gislr.terminal import note
from gislr.tracking.store import TrackingSettings, pages

if TYPE_CHECKING:
    from gislr.evaluation.comparison import Contestant
    from gislr.tracking.logged import LoggedRun

_EXPERIMENT = "experiment="
_COMPARISON = "comparison"
_NO_PARAMETERS = ("tracking.", "preparation.", "sweep.", "experiment")
_OF_FOLDS = ("split.fold", "seed")


def compare_runs(
    settings: TrackingSettings, named: Sequence[str], *, average_seeds: bool = False
) -> str:
    """Compares runs and keeps the comparison in MLflow.

    Args:
        settings: Where the runs are kept.
        named: Ids of runs, or one `experiment=NAME`.
        average_seeds: Whether the seeds of a run are one model, their probabilities averaged.

    Returns:
        The comparison as Markdown.

    Raises:
        GislrError: A run cannot be read, or they were evaluated on different clips.
    """
    from gislr.evaluation import comparison as comparing
    from gislr.tracking.logged import find_run, finished_runs
    from gislr.tracking.run import FINISHED, TrackedRun

    runs: list[LoggedRun] = []
    for name in named:
        if name.startswith(_EXPERIMENT):
            runs += finished_runs(settings, name.removeprefix(_EXPERIMENT))
        else:
            runs.append(find_run(settings, name))
    runs = [run for run in runs if _COMPARISON not in run.tags]
    if len(runs) < 2:
        raise SettingError(f"A comparison needs two runs at least; got {len(runs)}.")
    found = comparing.compare([_contestant(run, average_seeds=average_seeds) for run in runs])
    text = comparing.markdown(found)
    client = runs[0].client
    tags = {_COMPARISON: ", ".join(run.run_id for run in runs), "mlflow.note.content": text[:5000]}
    tags["mlflow.source.name"] = "gislr.compare"
    kept = client.create_run(runs[0].experiment_id, tags=tags, run_name="comparison")
    tracked = TrackedRun(client, kept.info.run_id, "comparison", settings.experiment)
    drawn = comparing.pictures(found)
    with tracked.folder() as folder:
        (folder / "comparison.md").write_text(text, encoding="utf-8")
        (folder / "comparison.html").write_text(comparing.html(found, drawn), encoding="utf-8")
        for name, figure in drawn.items():
            figure.savefig(folder / f"{name}.png")
    client.set_terminated(kept.info.run_id, FINISHED)
    note(f"{text}\ntracked as run {kept.info.run_id}; look at it with: {pages(settings.uri)}")
    return text


def _contestant(run: LoggedRun, *, average_seeds: bool) -> Contestant:
    from gislr.evaluation.comparison import Contestant
    from gislr.tracking.again import average
    from gislr.tracking.record import SWEEP

    left_out = (*_NO_PARAMETERS, *(_OF_FOLDS if SWEEP in run.tags else ()))
    found = run.training().parameters
    parameters = {key: value for key, value in found.items() if not key.startswith(left_out)}
    experiment = run.tags.get("experiment", "none")
    name = run.name if experiment == "none" else f"{experiment} {run.name}"
    predictions = run.predictions()
    if average_seeds:
        predictions = [average(predictions)]
    return Contestant(name, parameters, predictions)


def main() -> None:
    """Reads the command line."""
    parser = argument_parser("compare", __doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="ids of runs, or experiment=NAME")
    parser.add_argument(
        "--average-seeds",
        action="store_true",
        help="take the seeds of a cross-validation for one model, their probabilities averaged",
    )
    parser.add_argument("--uri", help="another tracking store than the project's own")
    arguments = parser.parse_args()
    with failures_in_one_line():
        compare_runs(
            TrackingSettings(arguments.uri, "gislr", None),
            arguments.runs,
            average_seeds=arguments.average_seeds,
        )


if __name__ == "__main__":
    main()
