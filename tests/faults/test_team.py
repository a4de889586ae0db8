"""Four workers of one study, whose database and tracking server are restarted, killed and cut."""

import os
import threading
import time
from collections import Counter

import optuna
import pytest

from tests.commands import TINY, history, sweep_runs
from tests.conftest import separable_clips, write_folder
from tests.faults.proxy import Proxy
from tests.faults.servers import (
    DATABASE_PASSWORD,
    PASSWORD,
    RUNS,
    STUDIES,
    USER,
    MLflow,
    PostgreSQL,
)
from tests.faults.test_study_server import wait_for
from tests.small_project import SmallProject

TRIALS = int(os.environ.get("TEAM_TRIALS", "40"))
WORKERS = 4
DOWN = float(os.environ.get("TEAM_DOWN", "20"))
"""Seconds for which MLflow is down."""

SECRETS = {
    "PGPASSWORD": DATABASE_PASSWORD,
    "MLFLOW_TRACKING_USERNAME": USER,
    "MLFLOW_TRACKING_PASSWORD": PASSWORD,
}


@pytest.fixture
def team(tmp_path):
    """The servers, each behind a proxy."""
    pytest.importorskip("flask_wtf", reason="needs mlflow[auth]")
    postgresql = PostgreSQL()
    try:
        served = MLflow(tmp_path, postgresql)
        try:
            yield postgresql, served, Proxy(postgresql.port), Proxy(served.port)
        finally:
            served.kill()
    finally:
        postgresql.close()


def disturb(team, workers):
    """Restarts, kills, cuts and slows the servers while workers run; returns what it did."""
    postgresql, served, to_database, to_mlflow = team
    is_running = lambda: any(worker.poll() is None for worker in workers)  # noqa: E731
    wait_for(TRIALS // 10, postgresql, is_running)
    to_mlflow.delay = to_database.delay = 0.05
    wait_for(TRIALS // 5, postgresql, is_running)
    to_mlflow.delay = to_database.delay = 0.0
    postgresql.stop()
    time.sleep(5)
    postgresql.start()
    wait_for(TRIALS * 2 // 5, postgresql, is_running)
    served.kill()
    killed = time.monotonic()
    time.sleep(DOWN)
    served.start()
    down = time.monotonic() - killed
    for share in (3, 4):
        wait_for(TRIALS * share // 5, postgresql, is_running)
        for proxy in (to_database, to_mlflow):
            threading.Thread(target=proxy.cut, args=(2,)).start()
    for worker in workers:
        worker.wait(3600)
    cuts = to_database.cuts + to_mlflow.cuts
    return f"PostgreSQL restarted once, MLflow down for {down:.0f} s, {cuts} connections cut"


@pytest.mark.faults
def test_every_trial_and_every_metric_is_there_once(team, tmp_path, monkeypatch, record_figure):
    postgresql, served, to_database, to_mlflow = team
    root = write_folder(tmp_path / "clips", separable_clips())
    # Each machine has its own checkout, cache and unsent entries.
    machines = [SmallProject(tmp_path / f"machine{k}") for k in range(2)]
    command = ["gislr", "sweep", "data=asl_signs", f"data.root={root}", *TINY]
    command += [f"seed=range(0,{TRIALS})", "tracking.experiment=team"]
    command += [f"tracking.uri=http://127.0.0.1:{to_mlflow.port}"]
    storage = f"postgresql://{USER}@127.0.0.1:{to_database.port}/{STUDIES}"
    command += [f"hydra.sweeper.storage={storage}", "hydra.sweeper.study_name=team"]
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    logs = [tmp_path / f"worker{k}.log" for k in range(WORKERS)]
    began = time.monotonic()
    workers = [machines[k % 2].start(command, log=log) for k, log in enumerate(logs)]
    try:
        disturbed = disturb(team, workers)
    finally:
        for worker in workers:
            worker.kill()
    seconds = time.monotonic() - began
    texts = [log.read_text() for log in logs]
    assert [worker.returncode for worker in workers] == [0] * WORKERS, texts
    assert not any("Traceback" in text for text in texts), texts
    assert sum(text.count("draws the report of the best trial; ") for text in texts) == 1, texts
    address = f"http://127.0.0.1:{served.port}"
    for machine in machines:
        machine.run("gislr", "sync", f"tracking.uri={address}")

    url = f"postgresql://{USER}@127.0.0.1:{postgresql.port}/{STUDIES}"
    trials = optuna.load_study(study_name="team", storage=url).trials
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    assert sorted(trial.params["seed"] for trial in complete) == list(range(TRIALS))
    states = Counter(trial.state.name for trial in trials)
    assert states["RUNNING"] == states["WAITING"] == 0
    # MLflow hashes the password at each request; of thousands, the database answers sooner.
    runs = f"postgresql+psycopg://{USER}@127.0.0.1:{postgresql.port}/{RUNS}"
    values = assert_runs_are_there_once(runs, address, complete)
    assert_kept_nowhere(tmp_path, postgresql)
    record_figure(
        f"{TRIALS} trials of {WORKERS} workers in {seconds:.0f} s, {values} values; {disturbed}; "
        f"trials by state: {dict(states)}"
    )


def assert_runs_are_there_once(database, address, complete):
    """Each complete trial has one run with each value once; returns the number of values."""
    from mlflow import MlflowClient

    client, served = MlflowClient(database), MlflowClient(address)
    [parent], runs = sweep_runs(client, "team")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["trials_complete"] == TRIALS
    finished = [run.info.run_id for run in runs if run.info.status == "FINISHED"]
    assert sorted(finished) == sorted(trial.user_attrs["run_id"] for trial in complete)
    assert len(runs) == TRIALS, [(run.info.run_name, run.info.status) for run in runs]
    values = 0
    for run in [parent, *runs]:
        points = history(client, run.info.run_id)
        values += len(points)
        assert all(len(found) == 1 for found in points.values()), (run.info.run_name, points)
        if run is not parent:
            assert {step for name, step in points if name == "val_loss"} == {0, 1}
            paths = {entry.path for entry in served.list_artifacts(run.info.run_id)}
            assert {"config.yaml", "evaluation", "model.weights.h5"} <= paths
    return values


def assert_kept_nowhere(folder, postgresql):
    """No password is in a file, a log or a database."""
    secrets = [secret.encode() for secret in (PASSWORD, DATABASE_PASSWORD)]
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path
    texts = [postgresql.dump(name) for name in (STUDIES, RUNS)]
    texts.append((postgresql.folder / "log").read_text())
    assert not any(secret.decode() in text for secret in secrets for text in texts)
