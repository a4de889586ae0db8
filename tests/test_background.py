"""Calls in another process: results, errors, and what is left when either process ends."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gislr.data.store import Store
from gislr.utils.background import begin
from hydra_plugins.optuna_sweeper import preload
from tests.conftest import make_store

LEAVES_AT_ONCE = """
import atexit, multiprocessing, os, time
from gislr.utils.background import begin
begin(time.sleep, 0.1)
begin(time.sleep, 3600)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
atexit._run_exitfuncs()
os._exit(0)
"""


@pytest.fixture(scope="module", autouse=True)
def nothing_preloaded() -> None:
    """Other tests name libraries that nothing here needs."""
    preload()


def killed_elsewhere(here: int) -> int:
    if os.getpid() != here:
        os.kill(os.getpid(), signal.SIGKILL)
    return here


def processes() -> tuple[int, int]:
    return os.getpid(), begin(os.getpid)()


def reads(store: Store) -> tuple[int, float, str]:
    return len(store.clips), float(store.coordinates(store.offsets[:-1]).sum()), store.fingerprint


def test_a_call_runs_in_another_process() -> None:
    assert begin(os.getpid)() != os.getpid()


def test_a_call_of_a_call_runs_with_it() -> None:
    """Another server would import everything again."""
    own, inner = begin(processes)()
    assert own == inner != os.getpid()


def test_a_process_looks_for_garbage_but_not_through_libraries() -> None:
    assert begin(gc.isenabled)()
    assert begin(gc.get_freeze_count)() > 0


def test_what_a_call_raises_is_raised_where_its_result_is_asked_for() -> None:
    result = begin(int, "no number")
    with pytest.raises(ValueError, match="no number"):
        result()


def test_a_call_whose_process_is_killed_runs_here() -> None:
    assert begin(killed_elsewhere, os.getpid())() == os.getpid()
    assert begin(os.getpid)() != os.getpid()


def test_a_store_is_opened_by_the_other_process(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", [5, 9, 3])
    assert begin(reads, store)() == reads(store)


def test_a_process_that_leaves_at_once_leaves_no_other() -> None:
    began = time.monotonic()
    command = [sys.executable, "-c", LEAVES_AT_ONCE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 60
    assert not done.stderr
    assert not any(Path(f"/proc/{number}").exists() for number in done.stdout.split())
