"""Several sweeps of one study of which one waits for the others."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from hydra_plugins.optuna_sweeper._process import grid_command
from hydra_plugins.optuna_sweeper._queue import TrialQueue
from tests.optuna_sweeper.running import STUDY, quick, start, states, study, sweep
from tests.optuna_sweeper.test_queue import complete, make_sweep
from tests.optuna_sweeper.test_sweeps import wait_for_a_trial

ONE = ["y=range(0,1)", "steps=2"]


def start_waiting(folder, *arguments):
    """Starts a sweep that waits, and returns it as soon as it has begun."""
    process = start(folder, *ONE, "hydra.sweeper.wait=true", *arguments)
    for line in process.stdout:
        if line.startswith("sweep study"):
            return process
    raise AssertionError(process.stderr.read())


@pytest.mark.release
def test_a_sweep_can_wait_for_the_trials_of_another(tmp_path):
    other = start(tmp_path, *ONE, "sleep=10")
    wait_for_a_trial(tmp_path)
    waiting = start_waiting(tmp_path)
    assert states(tmp_path) == ["RUNNING"]
    output, errors = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, errors
    assert states(tmp_path) == ["COMPLETE"]
    assert "1 trials: 1 complete" in output
    other.communicate(timeout=60)


def test_a_sweep_is_over_when_all_of_its_trials_have_ended(tmp_path):
    sweep = make_sweep(tmp_path, 2)
    queue = TrialQueue(sweep)
    first, _ = queue.ask()
    queue.tell(first, complete(1.0))
    assert not sweep.is_over(), "a trial is lacking"
    second, _ = queue.ask()
    assert not sweep.is_over(), "a trial runs"
    queue.interrupt([second], "the sweep ended")
    assert not sweep.is_over(), "its retry is lacking"
    third, _ = queue.ask()
    queue.tell(third, complete(2.0))
    assert sweep.is_over()


@pytest.mark.release
@pytest.mark.parametrize("launcher", [[], ["hydra/launcher=joblib"]])
def test_a_sweep_that_waits_takes_over_what_a_killed_one_left(tmp_path, launcher):
    if launcher:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="gislr[launchers]")
    other = start(tmp_path, *ONE, "sleep=60")
    wait_for_a_trial(tmp_path)
    waiting = start_waiting(tmp_path, *launcher)
    other.kill()
    other.communicate()
    _, errors = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, errors
    assert states(tmp_path) == ["FAIL", "COMPLETE"]
    assert study(tmp_path).trials[0].user_attrs["reason"] == "its sweep was killed"


@pytest.mark.release
def test_waiting_ends_with_the_hours_of_the_sweep(tmp_path):
    other = start(tmp_path, *ONE, "sleep=60")
    wait_for_a_trial(tmp_path)
    done = sweep(tmp_path, *ONE, "hydra.sweeper.wait=true", "hydra.sweeper.hours=0.001")
    assert done.returncode == 0, done.stderr
    assert states(tmp_path) == ["RUNNING"]
    other.terminate()
    other.communicate()


def test_a_grid_can_run_where_another_sweep_does(tmp_path):
    given = [
        *quick(tmp_path),
        *("hydra/launcher=joblib", "+hydra.launcher.verbose=1", "hydra.sweeper.n_jobs=3"),
        *("hydra.mode=MULTIRUN", "hydra.sweeper.n_trials=9", "hydra.sweeper.sampler=tpe"),
        "hydra.sweeper.params={y:'interval(0,1)'}",
    ]
    config = OmegaConf.create({"hydra": {"overrides": {"hydra": given}}})
    found = grid_command(SimpleNamespace(config=config), "y=range(0,2)")
    storage, _, folder, *_ = quick(tmp_path)
    of_machine = ["hydra/launcher=joblib", "+hydra.launcher.verbose=1", "hydra.sweeper.n_jobs=3"]
    kept = [part for part in found if part in given]
    assert kept == [storage, folder, *of_machine]
    assert found[-1] == "y=range(0,2)"
    assert "hydra.sweeper.params=null" in found


@pytest.mark.slow
def test_nothing_of_a_search_is_left_in_a_grid(tmp_path):
    searched = ["+hydra.sweeper.params.x='interval(0,1)'", "hydra.sweeper.n_trials=9"]
    config = OmegaConf.create({"hydra": {"overrides": {"hydra": []}}})
    grid = grid_command(SimpleNamespace(config=config), "y=range(0,2)")
    own = [part for part in grid if "hydra.sweeper" in part]
    done = sweep(tmp_path, *searched, *own, f"hydra.sweeper.study_name={STUDY}", grid[-1])
    assert done.returncode == 0, done.stderr
    assert [trial.params for trial in study(tmp_path).trials] == [{"y": 0}, {"y": 1}]
