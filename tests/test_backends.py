"""The same numbers on two devices as on one, and on JAX as on TensorFlow."""

import os
import subprocess
import sys

import pytest

from gislr.utils.paths import project_root

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("backends")]


def figures(folder, devices, backend="tensorflow", **environment):
    done = subprocess.run(
        [sys.executable, "-m", "tests.one_step", str(folder), devices],
        capture_output=True,
        text=True,
        check=False,
        cwd=project_root(),
        env={**os.environ, "KERAS_BACKEND": backend, **environment},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found = {"LOSS": [], "PROBABILITY": [], "DEVICES": []}
    for line in done.stdout.splitlines():
        name, *values = line.split()
        found[name] += map(float, values)
    assert len(found["LOSS"]) == 3
    return found


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    return folder, figures(folder, "1")


TWO_JAX_CPUS = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}


@pytest.mark.parametrize(
    ("devices", "backend", "environment", "tolerance"),
    [
        ("all", "tensorflow", {}, 1e-5),
        ("1", "jax", {}, 1e-4),
        pytest.param("all", "jax", TWO_JAX_CPUS, 1e-4, marks=pytest.mark.release),
    ],
)
def test_the_loss_is_that_of_one_device_on_tensorflow(
    one_device, devices, backend, environment, tolerance
):
    folder, expected = one_device
    got = figures(folder, devices, backend, **environment)
    assert got["DEVICES"] == [2 if devices == "all" else 1]
    assert got["LOSS"] == pytest.approx(expected["LOSS"], abs=tolerance)
    assert got["PROBABILITY"] == pytest.approx(expected["PROBABILITY"], abs=10 * tolerance)
    assert expected["LOSS"][0] - expected["LOSS"][2] > 1e-3, "the steps change the weights"


@pytest.mark.parametrize("own", [{}, {"JAX_COMPILATION_CACHE_DIR": "elsewhere"}])
def test_jax_keeps_what_it_compiles(own):
    script = "from gislr.utils.quiet import quiet_backend\nwith quiet_backend():\n import jax\n"
    done = subprocess.run(
        [sys.executable, "-c", script + "print(jax.config.jax_compilation_cache_dir)"],
        capture_output=True, text=True, check=True,
        env={**os.environ, "KERAS_BACKEND": "jax", **own},
    )  # fmt: skip
    [folder] = own.values() or [str(project_root() / ".cache/jax")]
    assert done.stdout.strip() == folder
