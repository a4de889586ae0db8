"""MLflow's page of runs: its view, and the browser that opens it."""

import os
import re
import socket
import subprocess
import sys
import time

import pytest

from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.run import RUN_NAME
from gislr.tracking.run_reader import PARENT_TAG
from gislr.tracking.runs_page import view
from gislr.tracking.tracking_store import connect
from gislr.tracking.training_record import INTERVAL, SWEEP
from gislr.utils.addresses import HOST
from gislr.utils.open_page import has_display
from tests.browser import browser, needs_browser
from tests.commands import free_port, gislr_here, start_gislr

SHOWN = [
    *("val_weighted_f1", "best_val_weighted_f1", "cv_weighted_f1", INTERVAL),
    *("clips_per_second", "Duration", "optimizer.learning_rate", "Description"),
]
"""The headers of the table, after a run's name and its date."""


def test_sampled_keys_are_columns_after_the_scores():
    found = view(["optimizer.learning_rate"])
    at = found["columnOrder"].index
    assert at("metrics.`val_weighted_f1`") < at("duration") < at("params.`optimizer.learning_rate`")
    assert {*found["selectedColumns"]} < {*found["columnOrder"]}
    sections = {section["uuid"] for section in found["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in found["compareRunCharts"]} <= sections


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_a_browser_needs_a_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "")
    assert not has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_display()


@pytest.fixture
def opening(tmp_path):
    """Starts opening a page in a browser that writes its address into a file."""
    (tmp_path / "browser").write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/new\nmv new opened\n')
    (tmp_path / "browser").chmod(0o755)
    environment = os.environ | {"BROWSER": str(tmp_path / "browser"), "DISPLAY": ":0"}

    def start(url, parent):
        command = [sys.executable, "-m", "gislr.utils.open_page", url, str(parent)]
        return subprocess.Popen(command, env=environment, cwd=tmp_path)

    return start


def test_the_browser_opens_once_the_server_answers(opening, tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}/#/runs?a=b&c=d"
    process = opening(url, os.getpid())
    time.sleep(0.5)
    assert process.poll() is None
    with socket.create_server(("127.0.0.1", port)):
        assert process.wait(60) == 0
    assert (tmp_path / "opened").read_text() == f"{url}\n"


def test_no_browser_opens_when_the_server_has_ended(opening, tmp_path):
    assert opening(f"http://127.0.0.1:{free_port()}/", parent=0).wait(60) == 0
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize(("host", "family"), [(HOST, socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_port_that_is_taken_is_told_at_once(host, family, tmp_path):
    uri = f"tracking.uri=sqlite:///{tmp_path / 'mlflow.db'}"
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        done = gislr_here(f"host='{host}'", f"port={port}", uri, module="ui")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: Port {port} is taken; choose another, as port=PORT.\n"
    assert not list(tmp_path.iterdir())


@pytest.fixture
def project(tmp_path):
    """The URI of a store with a training and a sweep of one trial."""
    from mlflow.entities import Metric, Param

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client, experiment = connect(TrackingSettings(uri=uri, experiment="gislr", run_name=None))

    def add(name, tags, parameters, metrics, epochs=2):
        tags = {RUN_NAME: name, "mlflow.note.content": "`gislr train seed=1`", **tags}
        run_id = client.create_run(experiment, tags=tags, run_name=name).info.run_id
        of_epochs = [
            Metric(metric, value + epoch / 10, 0, epoch)
            for metric, value in metrics.items()
            for epoch in range(epochs)
        ]
        client.log_batch(run_id, of_epochs, [Param(*each) for each in parameters.items()])
        client.set_terminated(run_id)
        return run_id

    metrics = {"val_weighted_f1": 0.5, "loss": 2, "clips_per_second": 1500}
    add("alone", {INTERVAL: "0.5512 to 0.6521"}, {"seed": "0"}, metrics)
    space = {"space.optimizer.learning_rate": "float"}
    scores = {"best_val_weighted_f1": 0.6, "cv_weighted_f1": 0.6}
    sweep = add("sweep", {SWEEP: "sweep"}, space, scores, epochs=1)
    add("trial", {PARENT_TAG: sweep}, {"optimizer.learning_rate": "0.001"}, metrics)
    return uri


@pytest.mark.slow
@needs_browser
def test_the_page_shows_scores_folds_sweeps_and_draws_epochs(project):
    port = f"port={free_port()}"
    process = start_gislr(f"tracking.uri={project}", port, "open=false", module="ui")
    try:
        [url] = re.findall(r"http\S+", process.stdout.readline())
        with browser() as page:
            page.size(3000, 900)  # what is beyond a window's edge is not in its document
            _open(page, url)
            page.wait("document.querySelectorAll('.ag-center-cols-container .ag-row').length", 240)
            headers = page.run(
                "return [...document.querySelectorAll('.ag-header-cell')]"
                ".sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x)"
                ".map(each => each.innerText)"
            )
            text = page.run("return document.body.innerText")
            assert headers[-len(SHOWN) :] == SHOWN
            assert "0.5512 to 0.6521" in text
            assert "gislr train seed=1" in text
            assert {"alone", "sweep"} < {*text.split()}
            assert "trial" not in text.split()
            page.open(f"{url}&compareRunsMode=CHART")
            page.wait("document.body.innerText.includes('By epoch')", 240)
            text = page.run("return document.body.innerText")
            assert text.index("By epoch") < text.index("Model metrics")
    finally:
        process.terminate()
        process.wait(60)


def _open(page, url):
    """Opens a page as soon as its server answers."""
    for _ in range(600):
        try:
            return page.open(url)
        except RuntimeError:
            time.sleep(0.2)
    raise TimeoutError(url)
