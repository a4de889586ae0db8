"""Where and how a project may be run: odd paths and locales, no home, read-only, moved, at once."""

import os
import shutil
import subprocess
import sys

import pytest

from gislr.utils.paths import project_root
from tests.commands import TINY, start_gislr
from tests.conftest import separable_clips, write_folder

pytestmark = pytest.mark.faults

ODD = "Gebärden und 手話 'neu'"


def command(module, *arguments, root=None, cwd=None, **changes):
    """Runs a command, of another checkout when one is named; a change to `None` unsets it."""
    environment = {**os.environ, "PYTHONPATH": str(root or project_root()), **changes}
    return subprocess.run(
        [sys.executable, "-m", f"gislr.{module}", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd=cwd,
        env={name: value for name, value in environment.items() if value is not None},
        timeout=240,
    )


def run_id(done):
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("run ")]
    return line.partition("(")[2].partition(")")[0]


def places(folder):
    return [
        f"preparation.cache={folder}/cache",
        f"tracking.uri=sqlite:///{folder}/mlruns/mlflow.db",
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / ODD, separable_clips())


@pytest.fixture
def checkout(tmp_path):
    """A copy of the project's tracked files."""
    root = tmp_path / "first place"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=project_root(), capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project_root() / name, root / name, follow_symlinks=False)
    return root


ENVIRONMENTS = {
    "as it is": {},
    "a locale of C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "no home": {"HOME": None, "XDG_CACHE_HOME": None, "USER": None, "LOGNAME": None},
    "a home that is missing": {"HOME": "/nonexistent"},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_run_is_trained_evaluated_and_read_in(data, tmp_path, name):
    elsewhere = tmp_path / ODD
    (elsewhere / "cwd").mkdir(parents=True)
    changes = {**ENVIRONMENTS[name], "cwd": elsewhere / "cwd"}
    where = places(elsewhere)
    run = run_id(command("train", "data=asl_signs", f"data.root={data}", *where, *TINY, **changes))
    evaluated = command("evaluate", f"run={run}", where[1], "output=out", **changes)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "Traceback" not in evaluated.stderr
    assert (elsewhere / "cwd/out").is_dir()
    predicted = command("predict", f"model={run}", data, "output=signs.csv", where[1], **changes)
    assert predicted.returncode == 0, predicted.stderr
    assert len((elsewhere / "cwd/signs.csv").read_text(encoding="utf-8").splitlines()) > 32
    assert {path.name for path in (elsewhere / "cwd").iterdir()} == {"out", "signs.csv"}


def test_a_relative_folder_of_data_counts_from_the_working_directory(data, tmp_path):
    done = command(
        "train",
        "data=asl_signs",
        f"data.root={data.name}",
        *places(tmp_path),
        *TINY,
        cwd=data.parent,
    )
    run_id(done)


def test_a_read_only_project_trains_into_other_places(data, checkout, tmp_path):
    mounted = tmp_path / "frozen"
    mounted.mkdir()
    bound = subprocess.run(["mount", "--bind", checkout, mounted], check=False, capture_output=True)
    if bound.returncode:
        pytest.skip("mounting is not permitted")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(mounted)], check=True)
        source = ["data=asl_signs", f"data.root={data}"]
        done = command("train", *source, *places(tmp_path), *TINY, root=mounted, cwd=tmp_path)
        run_id(done)
        refused = command("train", *source, *TINY, root=mounted, cwd=tmp_path)
        assert refused.returncode == 2
        assert "its disk is read-only" in refused.stderr
        assert "Traceback" not in refused.stderr
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_two_runs_in_the_same_second_are_both_kept(data, tmp_path):
    overrides = ["data=asl_signs", f"data.root={data}", *places(tmp_path), *TINY]
    both = [start_gislr(*overrides) for _ in range(2)]
    names = set()
    for process in both:
        out, errors = process.communicate(timeout=240)
        done = subprocess.CompletedProcess([], process.returncode, out, errors)
        names.add(run_id(done))
    assert len(names) == 2
    for name in names:
        assert command("evaluate", f"run={name}", places(tmp_path)[1]).returncode == 0


def test_the_runs_of_a_moved_and_of_a_copied_project_are_found(data, checkout, tmp_path):
    source = ["data=asl_signs", f"data.root={data}"]
    run = run_id(command("train", *source, *TINY, root=checkout, cwd=tmp_path))
    before = command("evaluate", f"run={run}", root=checkout, cwd=tmp_path)
    assert before.returncode == 0, before.stderr
    moved = tmp_path / ODD / "second place"
    moved.parent.mkdir()
    checkout.rename(moved)
    copied = tmp_path / "third place"
    for root in (moved, copied):
        if root is copied:
            shutil.copytree(moved, copied)
            shutil.rmtree(moved)
        after = command("evaluate", f"run={run}", root=root, cwd=tmp_path)
        assert (after.returncode, after.stdout) == (0, before.stdout), after.stderr
        predicted = command("predict", f"model={run}", data, root=root, cwd=tmp_path)
        assert predicted.returncode == 0, predicted.stderr
        another = run_id(command("train", *source, *TINY, root=root, cwd=tmp_path))
        assert list((root / "mlruns/artifacts").glob(f"*/{another}/artifacts/config.yaml"))
