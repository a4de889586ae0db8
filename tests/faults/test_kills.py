"""Commands killed at random moments again and again leave what undisturbed ones leave."""

import os

import pytest

from tests.faults.kills import COMMANDS, run
from tests.optuna_sweeper.test_sweeps import kill_at_random
from tests.test_video import needs_mediapipe

KILLS = int(os.environ.get("GISLR_KILLS", "100"))
"""Kills of all commands together."""
PARTS = 4


@pytest.mark.faults
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs_mediapipe if n == "extract" else ()) for n in COMMANDS]
)
def test_killed_commands_end_like_ones_that_were_never_killed(name, tmp_path, record_figure):
    [tally] = run(KILLS // len(COMMANDS), 0, tmp_path / "table.md", [name]).values()
    assert not tally.wrong
    record_figure(f"{tally.kills.total()} kills, {tally.equal} ended with equal results")


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(PARTS))
def test_killed_sweeps_end_with_one_result_of_every_combination(seed, tmp_path, record_figure):
    record_figure(f"kills, part {seed}: {dict(kill_at_random(tmp_path, 100 // PARTS, 40, seed))}")
