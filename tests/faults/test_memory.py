"""Trainings that find less memory than they need."""

import resource
import subprocess
import sys

import pytest

from tests.commands import TINY, only_run

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="limits a process as Linux does"),
]


MOST = 7 * 10**9
"""Bytes; near the limit, where a few more are asked for, libraries may just crash."""


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("building_the_batch", ["batches.samples_per_class=20000000"]),
        ("the_model", ["model.units=20000"]),
        ("training_on_the_batch", ["batches.samples_per_class=2000", "model.units=4096"]),
    ],
)
def test_a_lack_of_memory_says_what_to_lower(name, settings, workplace, client):
    arguments = [*workplace, *TINY, *settings, f"tracking.experiment={name}"]
    done = subprocess.run(
        [sys.executable, "-m", "gislr.train", *arguments],
        capture_output=True, text=True, check=False, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST)),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "must fit into memory, but it does not; lower batches.samples_per_class" in done.stderr
    assert only_run(client, name).info.status == "FAILED"
