"""A store that is down, refuses, is slow or locked stops no training, loses and doubles nothing."""

import http.client
import http.server
import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.commands import (
    TINY,
    free_port,
    gislr,
    history,
    only_run,
    start_gislr,
    wait_for_epoch,
)
from tests.serving import serving

EPOCHS = 4
WAITING = "Waiting for the tracking server"


class Relay(http.server.ThreadingHTTPServer):
    """Stands before a tracking server and fails in its place on demand."""

    daemon_threads = True
    behavior = "well"

    def __init__(self, server_port):
        super().__init__(("127.0.0.1", 0), RelayHandler)
        self.server_port_behind = server_port

    def handle_error(self, request, client_address):
        """Ignores the connections that this server breaks off."""


class RelayHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        behavior = self.server.behavior
        if behavior == "gone":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if behavior == "refuses":
            self.answer(403, b"not today")
            return
        behind = http.client.HTTPConnection("127.0.0.1", self.server.server_port_behind)
        behind.request(self.command, self.path, body, dict(self.headers))
        found = behind.getresponse()
        content = found.read()
        if behavior == "loses answers":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        # Not for each of dozens of files: they would take minutes.
        if behavior == "slow" and "artifacts" not in self.path:
            time.sleep(4)
        self.answer(found.status, content, found.getheader("Content-Type"))

    # http.server calls them so.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def answer(self, status, content, kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    with serving(Relay(port)) as found:
        yield found
    server.terminate()
    server.wait()


@pytest.mark.release
@pytest.mark.xdist_group("tracking server")
@pytest.mark.parametrize("behavior", ["gone", "refuses", "loses answers", "slow"])
def test_entries_that_a_server_does_not_accept_arrive_later_and_once(
    behavior, relay, workplace, tmp_path
):
    import mlflow

    address = f"http://127.0.0.1:{relay.server_address[1]}"
    name = behavior.replace(" ", "_")
    training = start_gislr(
        *workplace[:-1],
        *TINY,
        f"training.epochs={EPOCHS}",
        f"tracking.uri={address}",
        f"tracking.experiment={name}",
    )
    wait_for_epoch(training)
    relay.behavior = behavior
    _, errors = training.communicate(timeout=300)
    relay.behavior = "well"
    assert training.returncode == 0, errors
    assert "Traceback" not in errors
    if behavior != "slow":
        assert "gislr sync" in errors
    done = gislr(f"tracking.uri={address}", module="sync")
    assert done.returncode == 0, done.stderr
    mlflow.set_tracking_uri(address)
    client = mlflow.MlflowClient(address)
    run = only_run(client, name)
    assert run.info.status == "FINISHED"
    points = history(client, run.info.run_id)
    assert {step for metric, step in points if metric == "val_loss"} == set(range(EPOCHS))
    assert all(len(values) == 1 for values in points.values())
    assert len(run.outputs.model_outputs) == 1
    found = {entry.path for entry in client.list_artifacts(run.info.run_id)}
    assert {"config.yaml", "evaluation", "statistics", "model.weights.h5"} <= found
    path = "evaluation/probabilities.parquet"
    assert Path(client.download_artifacts(run.info.run_id, path, str(tmp_path))).is_file()


@pytest.mark.release
@pytest.mark.xdist_group("tracking server")
def test_a_sweep_waits_for_its_server(relay, workplace, tmp_path):
    from mlflow import MlflowClient

    address = f"http://127.0.0.1:{relay.server_address[1]}"
    sweep = start_gislr(
        "-m",
        *workplace[:-1],
        *TINY,
        "training.epochs=1",
        f"tracking.uri={address}",
        "tracking.experiment=waiting",
        "model.units=choice(8,16,24)",
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    lines = []
    while not any(line.startswith("trial 0") for line in lines):
        lines.append(sweep.stdout.readline())
        assert lines[-1], sweep.communicate()
    relay.behavior = "gone"
    try:
        deadline = time.monotonic() + 120
        logs = ""
        while WAITING not in logs and time.monotonic() < deadline:
            time.sleep(0.1)
            with suppress(FileNotFoundError):
                logs = "".join(log.read_text() for log in tmp_path.glob("trial-*/log.txt"))
        assert WAITING in logs
        assert sweep.poll() is None
    finally:
        relay.behavior = "well"
    _, errors = sweep.communicate(timeout=300)
    assert sweep.returncode == 0, errors
    assert "Traceback" not in errors
    client = MlflowClient(address)
    [experiment] = [e for e in client.search_experiments() if e.name == "waiting"]
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    assert [run.info.status for run in runs if "val_loss" in run.data.metrics] == ["FINISHED"] * 3
    assert parents[0].info.status == "FINISHED"
    assert parents[0].data.metrics["trials_complete"] == 3


@pytest.mark.release
def test_a_training_waits_for_a_database_that_another_process_locks(workplace, client):
    training = start_gislr(
        *workplace, *TINY, f"training.epochs={EPOCHS}", "tracking.experiment=locked"
    )
    wait_for_epoch(training)
    uri = next(entry for entry in workplace if entry.startswith("tracking.uri="))
    database = sqlite3.connect(uri.removeprefix("tracking.uri=sqlite:///"), timeout=60)
    database.execute("BEGIN EXCLUSIVE")
    time.sleep(8)  # sqlite itself would fail after 5
    assert training.poll() is None
    database.rollback()
    database.close()
    _, errors = training.communicate(timeout=300)
    assert training.returncode == 0, errors
    assert "gislr sync" not in errors
    run = only_run(client, "locked")
    assert {step for _, step in history(client, run.info.run_id)} == set(range(EPOCHS))
