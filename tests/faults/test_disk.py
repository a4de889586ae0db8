"""Full, read-only and shared disks; needs the right to mount, and is left out without it."""

import subprocess
import sys

import pytest

from tests.conftest import separable_clips, write_folder
from tests.test_command_line import TINY, gislr


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a disk of some kilobytes."""
    mounted = []

    def mount(kilobytes, options=""):
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k{options}", "tmpfs", str(place)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("mounting is not permitted here")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.fixture
def clips(tmp_path):
    return write_folder(tmp_path / "clips", separable_clips())


def told_in_one_line(done, *words):
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert any(word in last for word in words), last


@pytest.mark.faults
@pytest.mark.parametrize("kilobytes", [4, 40, 160])
def test_a_full_disk_stops_a_preparation_in_one_line(kilobytes, small_disk, clips, tell):
    disk = small_disk(kilobytes)
    place = [f"data.root={clips}", "data=asl_signs", "preparation.workers=1"]
    done = gislr(*place, f"preparation.cache={disk / 'cache'}", module="prepare")
    told_in_one_line(done, "full")
    assert not list(disk.rglob("store.json"))
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
    again = gislr(*place, f"preparation.cache={disk / 'cache'}", module="prepare")
    assert again.returncode == 0, again.stderr
    tell(f"disk of {kilobytes} KiB: one line; with room the same command prepares")


@pytest.mark.faults
@pytest.mark.parametrize("kilobytes", [300, 900, 1200])
def test_a_full_disk_below_the_runs_loses_nothing(kilobytes, small_disk, clips, tmp_path, tell):
    disk = small_disk(kilobytes)
    arguments = [
        "data=asl_signs", f"data.root={clips}", f"preparation.cache={tmp_path / 'cache'}",
        f"tracking.uri=sqlite:///{disk / 'mlflow.db'}", *TINY,
    ]  # fmt: skip
    done = gislr(*arguments)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.splitlines()[-1].startswith("error: "), done.stderr
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    again = gislr(*arguments, "resume=last")
    if again.returncode:
        assert "holds none" in again.stderr or "must hold config.yaml" in again.stderr, again.stderr
        again = gislr(*arguments)
    assert again.returncode == 0, again.stderr
    tell(f"disk of {kilobytes} KiB: {done.stderr.splitlines()[-1][:90]}; goes on with room")


@pytest.mark.faults
def test_a_read_only_disk_is_told_in_one_line(small_disk, clips, tmp_path, tell):
    disk = small_disk(1000, ",ro")
    place = ["data=asl_signs", f"data.root={clips}", "preparation.workers=1"]
    told_in_one_line(
        gislr(*place, f"preparation.cache={disk / 'cache'}", module="prepare"), "read-only"
    )
    told_in_one_line(
        gislr(
            *place, *TINY, f"preparation.cache={tmp_path / 'cache'}",
            f"tracking.uri=sqlite:///{disk / 'mlflow.db'}",
        ),
        "read-only", "Read-only",
    )  # fmt: skip
    tell("cache and runs: one line each")


@pytest.mark.faults
def test_processes_that_prepare_the_same_data_at_once_agree(clips, tmp_path, tell):
    command = [
        sys.executable, "-m", "gislr.prepare", "data=asl_signs", f"data.root={clips}",
        f"preparation.cache={tmp_path / 'cache'}", "preparation.workers=1",
    ]  # fmt: skip
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = {process.communicate(timeout=120)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0, 0]
    assert len(told) == 1
    assert len(list((tmp_path / "cache").rglob("store.json"))) == 1
    tell("3 processes: one store, the same answer")
