"""The notebooks run on the sample, go on in the next session, and hold no outputs."""

import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from gislr.utils.terminal import progress_bars
from tests.conftest import write_folder
from tests.documentation import ROOT
from tests.small_project import SmallProject

FOLDER = ROOT / "notebooks"
NAMES = ("kaggle", "colab")
COMMON = {"install", "train", "sweep", "runs", "export"}
"""The code cells that are the same in both."""


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(book):
    return {cell.id: cell for cell in book.cells if cell.cell_type == "code"}


def test_every_notebook_is_tested():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_stripped(name):
    book = read(name)
    nbformat.validate(book)
    for cell in code_cells(book).values():
        assert (cell.outputs, cell.execution_count) == ([], None), "clear all outputs and save"
        assert cell.metadata == ({"tags": ["parameters"]} if cell.id == "parameters" else {})


def test_both_notebooks_run_the_same_commands():
    kaggle, colab = map(code_cells, map(read, NAMES))
    assert {name for name in kaggle if kaggle[name].source == colab[name].source} == COMMON
    assert list(kaggle) == list(colab)


@pytest.mark.parametrize(
    ("data", "earlier"),
    [
        ("asl-signs", "recognize-signs"),
        ("competitions/asl-signs", "notebooks/anna/recognize-signs"),
        (None, None),
    ],
)
def test_data_and_an_earlier_version_are_found_among_the_inputs(
    data, earlier, tmp_path, monkeypatch
):
    (work := tmp_path / "working").mkdir()
    (inputs := tmp_path / "input").mkdir()
    if data:
        write_folder(inputs / data, [])
        (inputs / earlier / "mlruns").mkdir(parents=True)
        (inputs / earlier / "mlruns/mlflow.db").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    cells = code_cells(read("kaggle"))
    found = {}
    exec(cells["parameters"].source, found)
    found |= {"INPUT": str(inputs), "WORK": str(work), "CACHE": "cache", "SAMPLE": "small"}
    exec(cells["set-up"].source, found)
    keys = f"data=asl_signs data.root={inputs / data}" if data else "small"
    assert found["KEYS"] == f"{keys} preparation.cache=cache"
    assert (work / "mlruns/mlflow.db").is_file() == bool(earlier)


def test_no_bar_is_drawn_into_the_output_of_a_cell(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as Jupyter does
    with progress_bars() as progress:
        progress("Preparing clips", 4000)(10)
    assert capsys.readouterr().err == "Preparing clips: 4,000\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """gislr as pip installs it, with small defaults; its runs are kept where it is started."""
    root = SmallProject(tmp_path_factory.mktemp("installed") / "project").root
    (root / "conf/experiments").unlink()
    (root / "experiments").rename(root / "conf/experiments")
    (root / "conf").rename(root / "gislr/conf")
    return root


def run(name, installed, work, trials, last="export", **parameters):
    """Runs a notebook up to a cell and returns what each cell printed."""
    book = read(name)
    cells = code_cells(book)
    parameters |= {
        "WORK": str(work),
        "CACHE": str(installed / "cache"),
        "SAMPLE": "data=sample",
        "SWEEP": f"+experiments=sweep_regularization hydra.sweeper.n_trials={trials}",
        "HOURS": 100.0,
    }
    given = [f"{key} = {value!r}" for key, value in parameters.items()]
    cells["parameters"].source += "\n".join(["", *given])
    book.cells = book.cells[: book.cells.index(cells[last]) + 1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(installed),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "IPYTHONDIR": str(installed / "ipython"),
    }
    client = NotebookClient(book, kernel_name="python3")
    client.execute(cwd=str(installed), env=environment)
    printed = {
        cell_id: "".join(output.get("text", "") for output in cell.outputs)
        for cell_id, cell in cells.items()
        if cell in book.cells
    }
    assert printed["install"] == ""
    return printed


def assert_is_a_submission(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["model.tflite"]
        assert archive.read("model.tflite")[4:8] == b"TFL3"


@pytest.mark.slow
def test_kaggle_goes_on_in_the_next_session(installed, tmp_path):
    inputs, first, second = tmp_path / "input", tmp_path / "first", tmp_path / "second"
    for folder in (inputs, first, second):
        folder.mkdir()
    printed = run("kaggle", installed, first, trials=1, INPUT=str(inputs))
    assert "error:" not in "".join(printed.values())
    assert re.search(r"^trial 0  complete", printed["sweep"], re.MULTILINE)
    assert_is_a_submission(first / "submission.zip")

    shutil.copytree(first, inputs / "notebooks/anna/recognize-signs")
    shutil.rmtree(first)
    printed = run("kaggle", installed, second, trials=2, last="sweep", INPUT=str(inputs))
    assert "resume=last needs a training that was interrupted" in printed["train"]
    assert "resumes: 1 trials are done or running" in printed["sweep"]
    assert re.findall(r"^trial (\d)  complete", printed["sweep"], re.MULTILINE) == ["1"]


@pytest.mark.slow
def test_colab_exports_a_submission(installed, tmp_path):
    printed = run("colab", installed, tmp_path / "drive", trials=1)
    assert "error:" not in "".join(printed.values())
    assert_is_a_submission(tmp_path / "drive/submission.zip")
