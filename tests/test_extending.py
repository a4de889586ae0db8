"""One of each extension from a package outside gislr: the one that docs/extending.md builds."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import separable_clips
from tests.documentation import ROOT, Block, blocks, in_block

PAGE = "docs/extending.md"
FILES = [
    block
    for language in ("toml", "python", "yaml")
    for block in blocks(language)
    if block.page == PAGE and block.title
]
[COMMANDS] = [block for block in blocks("sh") if block.page == PAGE and block.title]
SHORT = ["training.epochs=2", "preparation.workers=1"]


def install(folder: Path, files: list[Block]) -> None:
    """Writes a package, and what pip would write of it beside."""
    for block in files:
        path = folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (info / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
            for group, points in project["entry-points"].items()
        )
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Runs Python where the package is installed."""
    folder = tmp_path_factory.mktemp("my signs")
    install(folder, FILES)
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def commands() -> list[list[str]]:
    return [list(shown.words[1:]) for shown in in_block(COMMANDS)]


def test_the_page_shows_one_of_each():
    groups = tomllib.loads(next(b.text for b in FILES if b.title == "pyproject.toml"))
    kinds = ("model", "augmentation", "loss", "metric", "data", "importer", "landmarks")
    assert set(groups["project"]["entry-points"]) == {f"gislr.{key}" for key in ("conf", *kinds)}


@pytest.mark.slow
def test_a_package_from_outside_trains(python, workplace, client):
    train, _, _ = commands()
    python("-m", "gislr", *train, *workplace, *SHORT, "tracking.experiment=extended")
    [run] = client.search_runs([client.get_experiment_by_name("extended").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["model.name"] == "mean_pooling"
    assert run.data.params["loss.name"] == "focal"
    assert run.data.params["preprocessing.landmarks"] == "hands_only"
    assert "augmentation.jitter.probability" in run.data.params
    assert 0 <= run.data.metrics["val_top_2_acc"] <= 1


@pytest.mark.release
def test_a_data_source_from_outside_is_trained_on(python, workplace, client, tmp_path):
    for number, (signer, sign, landmarks) in enumerate(separable_clips()):
        (tmp_path / signer / sign).mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / signer / sign / f"{number}.npy", landmarks)
    _, train, _ = commands()
    own = [word.replace("DIR", str(tmp_path)) for word in train]
    small = [*workplace[2:], *SHORT, "model=mean_pooling"]
    python("-m", "gislr", *own, *small, "tracking.experiment=own_data")
    [run] = client.search_runs([client.get_experiment_by_name("own_data").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["data.name"] == "npy_folders"


def test_an_importer_from_outside_writes_a_manifest(python, tmp_path):
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann/hello-1.mp4").touch()
    *_, command = commands()
    printed = python("-m", "gislr", *(word.replace("DIR", str(tmp_path)) for word in command))
    assert printed.endswith("1 clips, 1 signs, 1 signers, no official split\n")
    assert "ann/hello-1.mp4,hello,ann,,," in (tmp_path / "manifest.csv").read_text()


@pytest.mark.slow
def test_the_tests_of_the_page_pass(python):
    assert "passed" in python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
