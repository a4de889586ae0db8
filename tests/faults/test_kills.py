"""Trainings and sweeps that are killed at random moments and resumed."""

import random
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

from tests.commands import TINY, gislr, history, only_run, weights
from tests.conftest import separable_clips, write_folder
from tests.optuna_sweeper.test_sweeps import kill_at_random

KILLS = 100
PARTS = 4
SETTINGS = [*TINY, "training.epochs=6", "optimizer.ema_momentum=0.9", "training.swa_epochs=3"]
PHASES = {
    "start and preparation": "",
    "before the first epoch's end": "model: ",
    "epochs and checkpoints": "\nepoch ",
    "evaluation and logging": "\nepoch 6/6",
}
"""Phases of a training, and the line of output with which each begins."""

_NOT_BEGUN = ("holds none", "must hold config.yaml")


class Watched:
    """A training whose output shows its phase."""

    def __init__(self, arguments, folder):
        self.log = folder / "log"
        self.began = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gislr.train", *arguments], stdout=log, stderr=log
            )

    def text(self):
        return self.log.read_text(encoding="utf-8")

    def phase(self):
        """Returns the last phase that the output shows."""
        text = self.text()
        return next(phase for phase, line in reversed(PHASES.items()) if line in text)

    def wait_for(self, line):
        while line not in self.text() and self.process.poll() is None:
            time.sleep(0.005)

    def killed_after(self, seconds, line):
        """Kills it some seconds after a line of output; returns whether it still ran then."""
        self.wait_for(line)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return True
        return False

    def lengths(self):
        """Waits for its end and returns how many seconds each phase took."""
        marks = []
        for line in PHASES.values():
            self.wait_for(line)
            marks.append(time.monotonic())
        assert self.process.wait(240) == 0, self.text()
        marks.append(time.monotonic())
        return dict(zip(PHASES, np.diff(marks), strict=True))


@pytest.mark.faults
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_trainings_end_like_one_that_was_never_killed(part, tmp_path, record_figure):
    from mlflow import MlflowClient

    rng = random.Random(part)
    root = write_folder(tmp_path / "clips", separable_clips())
    uri = f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    places = [f"preparation.cache={tmp_path / 'cache'}", f"tracking.uri={uri}"]
    settings = ["data=asl_signs", f"data.root={root}", *places, *SETTINGS]

    whole = Watched([*settings, "tracking.experiment=whole"], tmp_path)
    lengths = whole.lengths()
    client = MlflowClient(uri)
    expected = only_run(client, "whole").info.run_id
    points = history(client, expected)
    bits = weights(client, expected, tmp_path / "whole")

    kills, ended, restarted, phases = 0, 0, 0, Counter()
    experiment, arguments = "", []
    while kills < KILLS // PARTS or arguments:
        if not arguments:
            experiment = f"killed_{ended}_{restarted}"
            arguments = [*settings, f"tracking.experiment={experiment}"]
        run = Watched(arguments, tmp_path)
        aim = rng.choice(list(PHASES))
        if kills >= KILLS // PARTS:
            run.process.wait(240)
        elif run.killed_after(rng.uniform(0, lengths[aim]), PHASES[aim]):
            kills += 1
            phases[run.phase()] += 1
            arguments = [*places, f"tracking.experiment={experiment}", "resume=last"]
            continue
        if run.process.returncode == 2 and any(sign in run.text() for sign in _NOT_BEGUN):
            restarted += 1
            arguments = []
            continue
        assert run.process.returncode == 0, run.text()
        found = only_run(client, experiment)
        assert found.info.status == "FINISHED"
        mine = history(client, found.info.run_id)
        assert mine.keys() == points.keys()
        for key, values in points.items():
            assert len(mine[key]) == 1, key
            assert key[0] == "clips_per_second" or mine[key] == values, key
        assert weights(client, found.info.run_id, tmp_path / experiment) == bits
        assert not list((tmp_path / "runs" / "checkpoints").iterdir())
        ended += 1
        arguments = []
    assert gislr(f"tracking.uri={uri}", module="sync").returncode == 0
    record_figure(
        f"{kills} kills ({', '.join(f'{phase} {count}' for phase, count in phases.items())}); "
        f"{ended} trainings ended with equal bits and metrics; {restarted} restarted, killed "
        "before their configuration was written"
    )


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(PARTS))
def test_killed_sweeps_end_with_one_result_of_every_combination(seed, tmp_path, record_figure):
    record_figure(f"kills, part {seed}: {dict(kill_at_random(tmp_path, KILLS // PARTS, 40, seed))}")
