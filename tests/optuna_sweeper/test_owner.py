"""Whether the process that owns something still is."""

import subprocess
import sys

import psutil

from hydra_plugins.optuna_sweeper import is_gone, owner_tag

PROGRAM = """
from hydra_plugins.optuna_sweeper import owner_tag
print(owner_tag(), flush=True)
input()
"""


def test_a_process_is_gone_when_it_ends_whether_or_not_it_is_waited_for():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    tag = process.stdout.readline().strip()
    assert not is_gone(tag)
    listed = psutil.Process(process.pid)
    process.kill()
    while listed.status() != psutil.STATUS_ZOMBIE:
        pass
    assert is_gone(tag)
    process.communicate()
    assert is_gone(tag)


def test_unknown_owners_are_not_gone():
    host, pid, created = owner_tag().split()
    assert not is_gone(owner_tag())
    assert is_gone(f"{host} {pid} {float(created) - 60:.0f}")
    assert not is_gone(f"elsewhere {pid} {created}")
    assert not is_gone("")
