"""Every command runs once, on small projects that they share.

Other files test what each does with other input.
"""

import http.client
import json
import os
import re
import shutil
import signal
import time
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import forkserver
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gislr.cli.commands import COMMANDS
from gislr.utils.paths import project_root
from gislr.web.npm_packages import PACKAGES, is_fetched
from gislr.workflows import experiments as experiments_workflow
from hydra_plugins import optuna_sweeper
from tests.commands import TINY, free_port, gislr_here, only_run, start_gislr, sweep_runs
from tests.conftest import PARITY
from tests.test_importers import SETS, lay

SWEEPS = ("sweep", "cross_validate", "learning_curve", "report")
"""Sweeps, and what reads one: they share a project, and the other commands another."""

SHORT = [*TINY, "training.epochs=1"]


@dataclass
class Project:
    """A data set, a tracking store, and the runs in it, each trained when it is first needed."""

    workplace: list[str]
    client: object
    data: Path
    folder: Path

    def run(self, name, *arguments):
        """Runs a command of the store and returns what it printed."""
        done = gislr_here(*arguments, self.workplace[-1], module=name, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sweep(self, *line):
        """Sweeps, with trials in processes; returns the run of the sweep and its trials."""
        self.run(*line, *self.workplace, *SHORT, self.experiment(line[0]))
        [parent], trials = sweep_runs(self.client, line[0])
        assert {run.info.status for run in [parent, *trials]} == {"FINISHED"}
        return parent, trials

    def experiment(self, name):
        return f"tracking.experiment={name}"

    @property
    def clip(self):
        return min(self.data.rglob("*.parquet"))

    @cached_property
    def trained(self):
        self.run("train", *self.workplace, *SHORT, "experiment=quick", self.experiment("one"))
        return only_run(self.client, "one")

    @cached_property
    def repeated(self):
        again = self.run("reproduce", f"run={self.trained.info.run_id}", self.experiment("again"))
        assert "metrics of every epoch are the same" in again
        return only_run(self.client, "again")

    @cached_property
    def swept(self):
        return self.sweep("sweep", "seed=range(0,1)")

    @cached_property
    def validated(self):
        return self.sweep("cross_validate", "split.folds=2", "seed=0")

    @cached_property
    def final(self):
        run, kept = f"run={self.trained.info.run_id}", self.experiment("final")
        output = self.run("final", run, "promote=true", kept)
        assert f"rests on run {self.trained.info.run_id}" in output
        assert "version 1 is the champion now" in output
        return "models:/gislr@champion"


@pytest.fixture(scope="module", autouse=True)
def without_graphs():
    """Tracing a graph takes longer than the one step of each training, here and in trials."""
    import tensorflow as tf

    preload = optuna_sweeper.preload
    end_forkserver()  # of other tests: it has not imported TensorFlow
    tf.config.run_functions_eagerly(True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            optuna_sweeper, "preload", lambda *names: preload(*names, "tests.without_graphs")
        )
        yield
    tf.config.run_functions_eagerly(False)
    end_forkserver()


def end_forkserver():
    server = forkserver._forkserver
    if server._forkserver_pid:
        os.kill(server._forkserver_pid, signal.SIGKILL)  # else it frees TensorFlow, for seconds
    server._stop()


@pytest.fixture(scope="module")
def project(workplace, client, asl_signs, tmp_path_factory):
    return Project(workplace, client, asl_signs, tmp_path_factory.mktemp("project"))


def train(project):
    assert project.trained.info.status == "FINISHED"
    assert 0 <= project.trained.data.metrics["val_weighted_f1"] <= 1


def sweep(project):
    parent, [trial] = project.swept
    assert parent.data.tags["best.run_id"] == trial.info.run_id


def cross_validate(project):
    parent, folds = project.validated
    assert {run.data.tags["fold"] for run in folds} == {"0", "1"}
    assert parent.data.metrics["cv_acc_low"] <= parent.data.metrics["cv_acc"]


def learning_curve(project):
    _, trained = project.sweep("learning_curve", "training.clips_per_sign=1,null", "seed=0")
    assert sorted(run.data.metrics["clips_trained_on"] for run in trained) == [4, 24]


def pretrain(project):
    kept = project.experiment("pretrained")
    project.run("pretrain", *project.workplace, *SHORT, "batches.size=8", kept)
    assert only_run(project.client, "pretrained").data.tags["pretrained"] == "true"


def final(project):
    version = project.client.get_model_version_by_alias("gislr", "champion" * bool(project.final))
    assert version.run_id == only_run(project.client, "final").info.run_id


def reproduce(project):
    assert project.repeated.info.run_id != project.trained.info.run_id


def import_(project):
    lay(project.folder, *SETS["wlasl"])
    assert "2 clips, 2 signs" in gislr_here("wlasl", project.folder, module="import").stdout
    assert (project.folder / "manifest.csv").is_file()


def extract(project):
    done = gislr_here(project.folder / "none.mp4", module="extract")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "gislr extract setup=true" in done.stderr or "none.mp4" in done.stderr


def prepare(project):
    cache = f"preparation.cache={project.folder / 'cache'}"
    assert "32 clips" in project.run("prepare", *project.workplace[:2], cache)
    assert list(project.folder.glob("cache/stores/*/store.json"))


def evaluate(project):
    output = project.run("evaluate", project.trained.info.run_id)
    assert "equals the logged metrics" in output


def report(project):
    _, [trial] = project.swept  # its report is drawn by the command
    drawn = project.client.list_artifacts(trial.info.run_id, "evaluation")
    assert "evaluation/report.html" in {entry.path for entry in drawn}


def compare(project):
    output = project.run("compare", project.trained.info.run_id, project.repeated.info.run_id)
    assert "+0.0000" in output, "the second has the same probabilities"


def experiments(project):
    table = project.folder / "experiments/README.md"
    table.parent.mkdir()
    shutil.copy(project_root() / "experiments/README.md", table)
    assert project.repeated
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(experiments_workflow, "project_root", lambda: project.folder)
        project.run("experiments")
    [row] = [line for line in table.read_text().splitlines() if line.startswith("| [quick]")]
    of_quick = [project.trained.info.run_id, project.repeated.info.run_id]
    assert re.search(r"weighted F1 .*; run (\w{8})", row)[1] in {run_id[:8] for run_id in of_quick}


def parity(project):
    lines = project.run("parity", PARITY / "preprocess.npz").splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 15


def export(project):
    files = ["precisions=[float32]", "compared_clips=4", f"output={project.folder / 'exports'}"]
    project.run("export", f"run={project.trained.info.run_id}", *files)
    [measured] = project.folder.glob("exports/*/measured.json")
    [entry] = json.loads(measured.read_text())
    assert entry["same_sign"] == entry["clips"] == 4


def predict(project):
    [line] = project.run(
        "predict", f"model={project.final}", project.clip, "format=json"
    ).splitlines()
    assert len(json.loads(line)["signs"]) == 4


def demo(project):
    if not is_fetched(*PACKAGES):
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PATH", os.devnull)
            done = gislr_here(f"model={project.final}", project.workplace[-1], module="demo")
        assert (done.returncode, "npm is needed to fetch" in done.stderr) == (2, True)
        return
    page = ask(project, "demo", f"model={project.final}", project.clip, "port=0")
    assert b"<title>" in page


def describe(project):
    assert "1 no hand" in project.run("describe", *project.workplace)
    page = (project.folder / "description.html").read_text()
    assert "32 clips, 4 signs, 4 signers" in page


def view(project):
    project.run("view", project.clip, f"output={project.folder / 'drawn'}")
    assert {path.suffix for path in project.folder.glob("drawn/*")} == {".gif", ".html", ".png"}


def ui(project):
    assert b"MLflow" in ask(project, "ui", f"port={free_port()}")


def record(project):
    given = ["signs=hello", "signer=anna", f"output={project.folder / 'recorded'}", "port=0"]
    if not is_fetched(*PACKAGES):
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PATH", os.devnull)
            done = gislr_here(*given, module="record")
        assert (done.returncode, "npm is needed to fetch" in done.stderr) == (2, True)
        return
    assert b"<title>" in ask(project, "record", *given)


def sync(project):
    assert project.run("sync").splitlines() == ["nothing is left to send"]


def doctor(project):
    assert "Everything that gislr needs is there." in project.run("doctor")


def ask(project, name, *arguments):
    """Starts a server, returns what it answers at its address, and interrupts it."""
    fewer = {"MLFLOW_WORKERS": "1", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    own = {**os.environ, **fewer}
    process = start_gislr(*arguments, project.workplace[-1], module=name, env=own)
    try:
        address = next(found[0] for line in process.stdout if (found := ADDRESS.search(line)))
        end = time.monotonic() + 240
        while time.monotonic() < end:
            try:
                connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
                connection.request("GET", "/")
                answer = connection.getresponse()
                assert answer.status == 200
                return answer.read()
            except ConnectionError:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.1)
        raise TimeoutError(address)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


ADDRESS = re.compile(r"http://[\d.:]+")


def of_group(name):
    group = "commands that sweep" if name in SWEEPS else "other commands"
    return pytest.param(name, marks=pytest.mark.xdist_group(group))


@pytest.mark.parametrize("name", map(of_group, COMMANDS))
def test_a_command_runs(name, project):
    globals()[COMMANDS[name].workflow](project)
