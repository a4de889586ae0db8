"""Memory, files and threads stay flat over many trainings, a long stream and many requests."""

import pytest

from tests.faults.soak import GROWTH, growth, watched

COUNTS = {"trials": 60, "stream": 60, "server": 5000}


@pytest.mark.faults
@pytest.mark.parametrize("name", COUNTS)
def test_long_use_stays_flat(name, record_figure):
    samples = watched(name, COUNTS[name])
    memory, files, threads = growth(samples, COUNTS[name])
    assert memory <= GROWTH[name]
    assert files <= 2
    assert threads <= 2
    record_figure(f"{samples[len(samples) // 4]}, then {samples[-1]}")
