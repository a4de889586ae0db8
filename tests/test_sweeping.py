"""Sweeps of real trainings, and how MLflow shows them."""

import json
import math
import multiprocessing
from pathlib import Path

import pytest

from gislr.config.sweep_settings import SweepSettings, direction
from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.tracking_store import connect, study_storage
from gislr.utils.errors import SettingError
from gislr.utils.settings import read_settings
from hydra_plugins.optuna_sweeper._storage import open_study
from tests.commands import TINY, artifacts, gislr, only_run, sweep_runs
from tests.test_command_line import EXPERIMENTS

HISTORY = {"val_acc": [0.5, 0.7, 0.6], "val_loss": [2.0, 1.0, 1.5], "parameters": [12.0]}


def test_an_objective_is_the_last_or_the_best_value():
    names = ["val_acc", "val_loss", "parameters"]
    assert SweepSettings(objective=names, value="last").values(HISTORY) == [0.6, 1.5, 12.0]
    assert SweepSettings(objective=names, value="best").values(HISTORY) == [0.7, 1.0, 12.0]
    assert SweepSettings(objective="val_acc", value="last").values(HISTORY) == [0.6]
    assert [direction(name) for name in names] == ["maximize", "minimize", "minimize"]


def test_an_objective_that_is_not_logged_is_reported():
    with pytest.raises(SettingError, match=r"got 'val_f1'. Did you mean"):
        read_settings(SweepSettings, {"objective": "val_f1", "value": "last"}, "sweep")
    with pytest.raises(SettingError, match=r"val_macro_f1 needs clips held out"):
        SweepSettings(objective="val_macro_f1", value="last").values(HISTORY)


@pytest.mark.release
def test_halving_goes_on_where_trainings_stopped(workplace, client, tmp_path):
    shared = [*workplace, *TINY, "training.epochs=4"]
    swept = [
        *("-m", "tracking.experiment=halved", "seed=0,1,2,3"),
        "hydra.sweeper.pruner=successive_halving",
        "hydra.sweeper.pruner_options={min_resource:1,reduction_factor:2}",
    ]
    done = gislr(*swept, *shared)
    assert done.returncode == 0, done.stderr
    _, children = sweep_runs(client, "halved")
    assert len(children) == 4
    assert "4 trials: 1 complete, 3 pruned" in done.stdout
    [best] = [run for run in children if run.info.status == "FINISHED"]
    assert "trial.state" not in best.data.tags
    done = gislr(*shared, f"seed={best.data.tags['seed']}", "tracking.experiment=whole")
    assert done.returncode == 0, done.stderr
    whole = only_run(client, "whole")
    for name in ("loss", "val_loss", "val_weighted_f1"):
        histories = [client.get_metric_history(r.info.run_id, name) for r in (best, whole)]
        halved, straight = ([(m.step, m.value) for m in history] for history in histories)
        assert halved == straight
        assert len(halved) == 4
    database = Path(workplace[-1].removeprefix("tracking.uri=sqlite:///"))
    assert not [*database.parent.glob("checkpoints/*")]
    done = gislr(*swept, *shared, "sweep.folds=2")
    assert done.returncode == 2
    assert "successive_halving goes on with single trainings" in done.stderr


@pytest.mark.slow
def test_a_sweep_is_a_parent_run_with_its_trials_below(workplace, client, tmp_path):
    fixed = [*workplace, *TINY, "tracking.experiment=swept", "sweep.objective=val_loss"]
    done = gislr(
        "-m",
        *fixed,
        "optimizer.learning_rate=1e-3,1e-9,1e30",
        "hydra.sweeper.pruner=median",
        "hydra.sweeper.pruner_options={n_startup_trials:1,n_warmup_steps:0}",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is written where the command was typed"
    [parent], children = sweep_runs(client, "swept")
    assert parent.info.status == "FINISHED"
    assert [run.info.status for run in children] == ["FINISHED", "KILLED", "FAILED"]
    assert [run.info.run_name for run in children] == ["trial 0", "trial 1", "trial 2"]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    best, pruned, failed = children
    assert pruned.data.tags["trial.state"] == "pruned"
    assert pruned.data.tags["gislr.reason"].startswith("Pruned after step")
    assert "val_weighted_f1" in pruned.data.metrics
    assert failed.data.tags["gislr.reason"].endswith("lower its learning rate.")

    tags = parent.data.tags
    assert tags["best.trial"] == "0"
    assert tags["best.run_id"] == best.info.run_id
    assert float(tags["best.value"]) == best.data.metrics["val_loss"]
    assert tags["best.optimizer.learning_rate"] == "0.001"
    assert parent.data.metrics["trials_complete"] == 1
    assert parent.data.metrics["best_val_loss"] == best.data.metrics["val_loss"]
    assert parent.data.params["objective"] == "val_loss"
    root = artifacts(client, parent, tmp_path / "artifacts")
    names = {path.name for path in (root / "plots").iterdir()}
    assert {"study.html", "history.png", "intermediate_values.png"} <= names
    assert "Plotly.newPlot" in (root / "plots/study.html").read_text()
    assert (root / "trials.csv").read_text().count("\n") == 4

    drawn = artifacts(client, best, tmp_path / "best")
    assert (drawn / "evaluation/report.html").is_file(), "the best trial has a report"
    failure = gislr(f"run={pruned.info.run_id}", workplace[-1], module="report")
    assert failure.returncode == 2
    assert "must hold evaluation/probabilities.parquet, but it does not" in failure.stderr

    command = next(line for line in done.stdout.splitlines() if "split=none" in line)
    assert "optimizer.learning_rate=0.001" in command
    again = gislr("-m", *fixed, "optimizer.learning_rate=1e-3,2e-3", "hydra.sweeper.dry_run=true",
                  "hydra.sweeper.skip_finished=true")  # fmt: skip
    assert again.returncode == 0, again.stderr
    listed = [line for line in again.stdout.splitlines() if line.startswith("would run")]
    assert [line.endswith("(reused)") for line in listed] == [True, False]


@pytest.mark.release
def test_the_value_of_a_finished_run_is_reused(workplace, client):
    fixed = [*workplace, *TINY, "tracking.experiment=reused", "training.epochs=1"]
    assert gislr(*fixed, "seed=7").returncode == 0
    done = gislr("-m", *fixed, "seed=range(7,8)", "hydra.sweeper.skip_finished=true")
    assert done.returncode == 0, done.stderr
    assert "trial 0  reused" in done.stdout
    [parent], children = sweep_runs(client, "reused")
    assert children == []
    single = client.get_run(parent.data.tags["best.run_id"])
    assert float(parent.data.tags["best.value"]) == single.data.metrics["val_weighted_f1"]


@pytest.mark.release
@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name.startswith("sweep_")])
def test_every_experiment_that_sweeps_runs_when_shrunk(name, workplace, client):
    shrunk = [override for override in TINY if "epochs" in override or "prepar" in override]
    done = gislr(
        f"+experiments={name}",
        *workplace,
        *shrunk,
        f"tracking.experiment={name}",
        "hydra.sweeper.n_trials=1",
        "training.epochs=1",
        "model.units=16",
        "model.landmark_units=8",
    )
    assert done.returncode == 0, done.stderr
    [parent], [child] = sweep_runs(client, name)
    assert parent.info.status == child.info.status == "FINISHED"
    assert child.data.tags["experiment"] == name
    values = json.loads(f"[{parent.data.tags['best.value']}]")
    assert all(math.isfinite(value) for value in values)


def start_at_once(folder, processes=8):
    """Opens a tracking store and a study that do not exist from several processes at once."""
    import mlflow  # noqa: F401  imported before forking, so that all of them arrive together

    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(processes)
    children = [
        context.Process(target=_open_both, args=(folder, barrier)) for _ in range(processes)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    return [child.exitcode for child in children]


def _open_both(folder, barrier):
    settings = TrackingSettings(
        uri=f"sqlite:///{folder / 'mlflow.db'}", experiment="started", run_name=None
    )
    barrier.wait()
    client, experiment = connect(settings)
    client.create_run(experiment)
    study = open_study(study_storage(settings.uri), "started", ["maximize"])
    study.tell(study.ask(), 1.0)


@pytest.mark.release
def test_many_start_at_once_on_stores_that_do_not_exist(tmp_path):
    assert start_at_once(tmp_path) == [0] * 8
    study = open_study(
        study_storage(f"sqlite:///{tmp_path / 'mlflow.db'}"), "started", ["maximize"]
    )
    assert len(study.trials) == 8
