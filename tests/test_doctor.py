"""`gislr doctor`: what is installed, missing and broken, also where TensorFlow is broken."""

import os
import tomllib

import pytest
from packaging.requirements import Requirement

from gislr.utils.installed_packages import missing, modules, requirements
from gislr.utils.paths import project_root
from gislr.utils.separate_imports import import_separately
from gislr.workflows.doctor import EXTRAS
from tests.commands import gislr

BROKEN = {
    "raises": 'raise ImportError("libtensorflow.so.2: no such file")',
    "crashes": "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
}


def test_every_extra_but_those_of_developers_is_explained():
    text = (project_root() / "pyproject.toml").read_text()
    assert {*EXTRAS, "dev", "docs"} == set(tomllib.loads(text)["project"]["optional-dependencies"])


def test_requirements_follow_the_extras_of_other_packages():
    core = {requirement.name for requirement in requirements("gislr")}
    assert {"tensorflow", "hydra-core", "ai-edge-litert"} <= core
    assert not core & {"pytest", "onnx", "jax"}
    assert {r.name for r in requirements("gislr", "onnx")} == {"tf2onnx", "onnx", "onnxruntime"}
    gpu = {requirement.name for requirement in requirements("gislr", "gpu")}
    assert "tensorflow" in gpu
    assert any(name.startswith("nvidia-") for name in gpu)
    assert requirements("no-such-package") == []


def test_what_is_not_installed_or_too_old_is_missing():
    wanted = [Requirement("numpy>=99"), Requirement("hydra-core"), Requirement("no-such-package")]
    found = missing(wanted)
    assert list(found) == ["numpy", "no-such-package"]
    assert found["numpy"].startswith("must be >=99; it is 2.")
    assert modules()["scikit-learn"] == "sklearn"


def test_a_module_that_crashes_hides_no_other(tmp_path, monkeypatch):
    (tmp_path / "crashes.py").write_text(BROKEN["crashes"])
    (tmp_path / "prints.py").write_text("print('hello')\ndef answer(): return 42")
    (tmp_path / "wraps.py").write_text(
        "try:\n    import absent\nexcept ImportError:\n    raise ImportError('a long story')"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    found = import_separately(["crashes", "wraps", "prints:answer", "prints"])
    assert found["crashes"].error == "it ends the process (exit code -4)"
    assert found["wraps"].error == "No module named 'absent'"
    assert (found["prints:answer"].result, found["prints:answer"].error) == (42, None)
    assert (found["prints"].result, found["prints"].error) == (None, None)


@pytest.mark.slow
def test_the_doctor_finds_everything_here(tmp_path):
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = gislr(f"tracking.uri={store}", module="doctor")
    assert done.returncode == 0, done.stderr
    printed = " ".join(done.stdout.split())
    assert f"{store}, new" in printed
    assert "Keras tensorflow on" in printed
    assert "Everything that gislr needs is there." in printed
    assert list(tmp_path.iterdir()) == [], "it makes nothing"


@pytest.mark.slow
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_tensorflow_is_reported_with_what_mends_it(how, tmp_path):
    (tmp_path / "tensorflow.py").write_text(BROKEN[how])
    path = os.pathsep.join([str(tmp_path), str(project_root())])
    environment = {**os.environ, "PYTHONPATH": path}
    done = gislr("tracking.uri=http://127.0.0.1:9", module="doctor", env=environment)
    assert (done.returncode, done.stderr) == (1, "")
    _, broken = done.stdout.split("Missing or broken:\n")
    names = [line.split()[0] for line in broken.splitlines() if line[0] != " "]
    assert names == ["tensorflow", "runs"]
    assert "pip install --force-reinstall --no-deps 'tensorflow==" in " ".join(broken.split())


@pytest.mark.slow
def test_a_training_with_a_broken_tensorflow_ends_in_one_sentence(tmp_path):
    (tmp_path / "tensorflow.py").write_text(BROKEN["raises"])
    path = os.pathsep.join([str(tmp_path), str(project_root())])
    environment = {**os.environ, "PYTHONPATH": path}
    uri = f"tracking.uri=sqlite:///{tmp_path / 'mlflow.db'}"
    done = gislr("data.clips=60", f"preparation.cache={tmp_path}", uri, env=environment)
    assert done.returncode == 2
    assert "libtensorflow.so.2: no such file. gislr doctor says" in done.stderr
    assert "Traceback" not in done.stderr
