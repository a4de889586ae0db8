"""Disks that are full, read-only or broken, and preparations that are killed or meet: never a
wrong store, never a traceback."""

import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.commands import TINY, gislr, start_gislr
from tests.conftest import separable_clips, write_folder

pytestmark = pytest.mark.faults

FILES = ("frames.npy", "frame_index.npy", "clips.npz", "store.json")
KILLS = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """512 clips: four shards."""
    return write_folder(tmp_path_factory.mktemp("data") / "clips", separable_clips(repeats=32))


def arguments(folder, cache):
    return [
        "data=asl_signs",
        f"data.root={folder}",
        f"preparation.cache={cache}",
        "preparation.workers=2",
    ]


def started(folder, cache):
    return start_gislr(*arguments(folder, cache), module="prepare")


def content(cache):
    """The bytes of the one store of a cache, with nothing else but its lock and verified marks."""
    [store] = [path for path in (cache / "stores").iterdir() if path.is_dir()]
    assert {path.name for path in (cache / "stores").iterdir()} <= {
        store.name,
        f"{store.name}.lock",
    }
    kept = {path.name for path in store.iterdir() if not path.name.startswith(".verified-")}
    assert kept == set(FILES)
    return [(store / name).read_bytes() for name in FILES]


def refused(done, *texts):
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    for text in texts:
        assert text in errors[0]


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """The bytes of a preparation that nothing has disturbed, and its seconds."""
    cache = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    assert gislr(*arguments(folder, cache), module="prepare").returncode == 0
    return content(cache), time.monotonic() - began


@pytest.fixture
def mounted(tmp_path):
    """Mounts what a test asks for and unmounts it; left out where mounting is not permitted."""
    mounts = []

    def mount(*options):
        target = tmp_path / f"mounted {len(mounts)}"
        target.mkdir()
        made = subprocess.run(
            ["mount", *map(str, options), str(target)], capture_output=True, text=True, check=False
        )
        if made.returncode:
            pytest.skip(f"mounting is not permitted: {made.stderr.strip()}")
        mounts.append(target)
        return target

    yield mount
    for target in reversed(mounts):
        subprocess.run(["umount", str(target)], check=True)


def room(target, size):
    subprocess.run(["mount", "-o", f"remount,size={size}k", str(target)], check=True)


def test_killed_preparations_give_the_same_bytes_when_repeated(folder, whole, tmp_path):
    expected, seconds = whole
    moments = random.Random(5)
    cut_off = 0
    for number in range(KILLS):
        cache = tmp_path / str(number)
        process = started(folder, cache)
        try:
            # Most of the first third is Python's start.
            process.communicate(timeout=moments.uniform(seconds / 3, seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            cut_off += process.returncode == -signal.SIGKILL
        repeated = gislr(*arguments(folder, cache), module="prepare")
        assert repeated.returncode == 0, repeated.stderr
        assert content(cache) == expected
        shutil.rmtree(cache)
    assert cut_off >= KILLS // 2


@pytest.mark.parametrize("size", [8, 400, 1_600, 4_000, 8_000, 12_000])
def test_a_full_disk_is_one_sentence_and_the_preparation_resumes_with_space(
    folder, whole, mounted, size
):
    cache = mounted("-t", "tmpfs", "-o", f"size={size}k", "tmpfs")
    done = gislr(*arguments(folder, cache), module="prepare")
    if done.returncode:
        refused(done, str(cache), "it is full. Free space")
        assert not list(cache.glob("stores/*/store.json"))
        assert not list(cache.rglob("*.tmp"))
        room(cache, 40_000)
        done = gislr(*arguments(folder, cache), module="prepare")
    assert done.returncode == 0, done.stderr
    assert content(cache) == whole[0]


def limited(limit, folder, cache):
    """Prepares under a limit of the shell, such as `-n 16`."""
    shell = ["bash", "-c", f'ulimit {limit}; exec "$@"', "-"]
    prepare = [sys.executable, "-m", "gislr.prepare", *arguments(folder, cache)]
    return subprocess.run([*shell, *prepare], capture_output=True, text=True, check=False)


def test_a_file_size_limit_is_one_sentence(folder, tmp_path):
    refused(limited("-f 100", folder, tmp_path), str(tmp_path), "a file's largest size is reached")


@pytest.mark.parametrize("files", [8, 12, 16, 20, 24, 32])
def test_too_few_open_files_are_one_sentence_or_enough(folder, whole, tmp_path, files):
    done = limited(f"-n {files}", folder, tmp_path)
    if done.returncode:
        refused(done, "too many files open")
        assert gislr(*arguments(folder, tmp_path), module="prepare").returncode == 0
    assert content(tmp_path) == whole[0]


def test_a_read_only_disk_is_one_sentence_and_a_complete_cache_on_one_is_used(
    folder, whole, tmp_path, mounted
):
    cache = tmp_path / "cache"
    cache.mkdir()
    frozen = mounted("--bind", cache)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(frozen)], check=True)
    refused(gislr(*arguments(folder, frozen), module="prepare"), str(frozen), "is read-only")
    assert gislr(*arguments(folder, cache), module="prepare").returncode == 0
    done = gislr(*arguments(folder, frozen), module="prepare")
    assert done.returncode == 0, done.stderr
    assert content(frozen) == whole[0]


def test_two_preparations_of_the_same_data_at_once_give_one_store(folder, whole, tmp_path):
    for number in range(3):
        both = [started(folder, tmp_path / str(number)) for _ in range(2)]
        for process in both:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
        assert content(tmp_path / str(number)) == whole[0]


def test_a_stale_lock_and_leftovers_do_not_stop_a_preparation(folder, whole, tmp_path):
    assert gislr(*arguments(folder, tmp_path / "first"), module="prepare").returncode == 0
    [store] = (tmp_path / "first/stores").glob("*/")
    stores = tmp_path / "cache/stores"
    left = stores / f"{store.name}.tmp"
    left.mkdir(parents=True)
    (left / "frames.npy").write_bytes(b"half")
    (stores / f"{store.name}.lock").write_text("4194304")
    partial = stores / f"{store.name}.partial"
    partial.mkdir()
    (partial / "000000000.4194304.tmp").write_bytes(b"half")
    (partial / "000000128.npz").write_bytes(b"half")
    done = gislr(*arguments(folder, tmp_path / "cache"), module="prepare")
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "cache") == whole[0]


def test_flipped_bits_of_a_cache_are_detected_and_a_new_preparation_repairs_them(
    folder, whole, tmp_path
):
    cache = tmp_path / "cache"
    assert gislr(*arguments(folder, cache), module="prepare").returncode == 0
    kept = tmp_path / "kept"
    shutil.copytree(cache, kept)
    [store] = (cache / "stores").glob("*/")
    places = random.Random(6)
    for number in range(12):
        path = store / FILES[number % len(FILES)]
        data = bytearray(path.read_bytes())
        data[places.randrange(len(data))] ^= 1 << places.randrange(8)
        written = path.read_bytes()
        path.write_bytes(data)
        done = gislr(*arguments(folder, cache), module="prepare")
        refused(done, str(path), f"Remove the folder {store} and prepare the data again.")
        path.write_bytes(written)
    (store / "clips.npz").write_bytes(b"")
    refused(gislr(*arguments(folder, cache), module="prepare"), "clips.npz must hold")
    shutil.rmtree(store)
    assert gislr(*arguments(folder, cache), module="prepare").returncode == 0
    assert content(cache) == whole[0] == content(kept)


@pytest.mark.parametrize("size", [100, 900, 1_300, 1_500, 1_700, 2_200])
def test_a_full_disk_of_runs_is_one_sentence(folder, tmp_path, mounted, size):
    runs = mounted("-t", "tmpfs", "-o", f"size={size}k", "tmpfs")
    overrides = [*arguments(folder, tmp_path), *TINY, f"tracking.uri=sqlite:///{runs}/mlflow.db"]
    refused(gislr(*overrides), str(runs), "it is full. Free space")
    room(runs, 40_000)
    done = gislr(*overrides, "resume=last")
    if done.returncode:
        # It was full before a run, or its configuration, was there.
        assert "holds none" in done.stderr or "must hold config.yaml" in done.stderr, done.stderr
        done = gislr(*overrides)
    assert done.returncode == 0, done.stderr


def test_a_read_only_disk_of_runs_is_one_sentence(folder, tmp_path, mounted):
    (tmp_path / "runs").mkdir()
    runs = mounted("--bind", tmp_path / "runs")
    subprocess.run(["mount", "-o", "remount,ro,bind", str(runs)], check=True)
    overrides = [*arguments(folder, tmp_path), *TINY, f"tracking.uri=sqlite:///{runs}/mlflow.db"]
    refused(gislr(*overrides), str(runs), "is read-only")
