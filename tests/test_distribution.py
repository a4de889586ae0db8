"""The wheel and the source archive: the same bytes twice, and at work where they are installed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import tomllib
import urllib.request
import zipfile
from pathlib import Path

import pytest

from gislr.utils.paths import config_folder
from tests.commands import TINY, free_port
from tests.installed import ROOT, build, install

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HERE = "{}.{}".format(*sys.version_info)
SMALL = [*TINY, "data.clips=60", "data.signs=4", "data.signers=5"]


def build_a_copy(folder, umask, moment):
    """Builds both from a copy of the project, with what must not get into them beside it."""
    for name in [*PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"], "README.md"]:
        source, target = ROOT / name.strip("/"), folder / name.strip("/")
        ignored = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for name in ("pyproject.toml", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    for name in ("mlruns/mlflow.db", "clips/anna/hello_001.npz", "gislr/__pycache__/train.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"not for others")
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (moment, moment))
            path.chmod(0o666 & ~umask | path.stat().st_mode & 0o100)
    build(folder)
    return {path.name: path for path in folder.joinpath("dist").glob("gislr-*")}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_a_copy(tmp_path_factory.mktemp("one") / "gislr", 0o022, 10**9)


@pytest.fixture(scope="module")
def wheel(built):
    return next(path for name, path in built.items() if name.endswith(".whl"))


@pytest.mark.slow
def test_both_have_the_same_bytes_wherever_and_whenever_they_are_built(built, tmp_path):
    again = build_a_copy(tmp_path / "another folder" / "named otherwise", 0o077, 2 * 10**9)
    assert len(built) == 2
    assert {n: p.read_bytes() for n, p in built.items()} == {
        n: p.read_bytes() for n, p in again.items()
    }


def test_they_hold_the_project_and_nothing_beside_it(built, wheel):
    with zipfile.ZipFile(wheel) as archive:
        installed = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {
        path.relative_to(ROOT).as_posix()
        for folder in ("gislr", "hydra_plugins")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    conf = config_folder()
    yaml = {
        (Path("gislr/conf") / path.relative_to(conf)).as_posix()
        for each in [conf, conf / "experiments"]
        for path in each.rglob("*")
        if path.is_file()
    }
    assert installed == sources | yaml
    [archive] = [path for path in built.values() if path.suffix == ".gz"]
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"conf/experiments/quick.yaml", "experiments/quick.yaml", ".ci/run"} <= names
    assert sources <= names
    assert {"tests/test_distribution.py", "Makefile", "requirements.lock", "README.md"} <= names
    assert not [name for name in names if re.search(r"mlruns|clips/anna|__pycache__", name)]


def interpreter(version):
    """Returns a Python that is not this environment's; `None` where there is none."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}"), *versions.glob(f"{version}.*/bin/python")]
    for python in filter(None, found):
        if not subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
            return python
    return None


class Installed:
    """The wheel in an environment of its own, used from an empty folder."""

    def __init__(self, wheel, version, root):
        if not (python := interpreter(version)):
            pytest.skip(f"there is no Python {version}")
        self.bin, self.folder = install(wheel, root / "environment", python), root / "empty"
        self.folder.mkdir()
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KERAS", "VIRT"))
        }
        self.environment = {**kept, "PATH": f"{self.bin}:{kept['PATH']}"}

    def start(self, *arguments):
        return subprocess.Popen(
            [self.bin / "gislr", *map(str, arguments)],
            cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments):
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=1800)
        assert process.returncode == 0, f"{arguments}\n{output[-2000:]}\n{errors[-4000:]}"
        return output

    def serve(self, *arguments, first):
        """Starts a server, reads its first page, and stops it as Ctrl-C does."""
        port = free_port()
        process = self.start(*arguments, f"port={port}")
        page, began = "", time.monotonic()
        while first not in page:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() - began < 900, f"no page of {arguments} in 15 minutes"
            time.sleep(0.5)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                    page = answer.read().decode()
            except OSError:
                continue
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


@pytest.fixture
def installed(wheel, request, tmp_path):
    return Installed(wheel, request.param, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("installed", [HERE], indirect=True)
def test_the_wheel_trains_in_a_clean_environment(installed):
    assert "look at it with: gislr ui" in installed.run("train", *SMALL)
    assert "Everything that gislr needs is there" in installed.run("doctor")
    (installed.folder / "experiments").mkdir()
    (installed.folder / "experiments/mine.yaml").write_text("# @package _global_\nseed: 123\n")
    assert "seed: 123\n" in installed.run("train", "+experiments=mine", "--cfg", "job")


@pytest.mark.release
@pytest.mark.parametrize("installed", ["3.11", "3.12", "3.13"], indirect=True)
def test_an_installed_gislr_goes_from_training_to_a_page(installed):
    output = installed.run("train", *SMALL)
    run = re.search(r"run \S+ \((\w{32})\)", output)[1]
    assert "best" in installed.run("sweep", *SMALL, "seed=range(0,2)").lower()
    installed.run("evaluate", f"run={run}")
    installed.run("export", f"run={run}", "precisions=[float32]", "compared_clips=8")
    [model] = installed.folder.glob("exports/*/model.tflite")
    clip = min(installed.folder.glob(".cache/**/*.parquet"))
    assert clip.name in installed.run("predict", f"model={model}", clip)
    assert f"{installed.folder}, " in installed.run("doctor")
    installed.serve("ui", first="MLflow")
    if shutil.which("npm"):
        installed.serve("demo", f"model={model}", first="Sign recognition")
    made = {path.name for path in installed.folder.iterdir()}
    assert made == {".cache", "exports", "mlruns"}
