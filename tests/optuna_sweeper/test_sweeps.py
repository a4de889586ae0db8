"""Whole sweeps of a small application: real processes, real sqlite, real kills."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress

import psutil
import pytest

from tests.optuna_sweeper.running import start, states, study, sweep

FOUR = ["x=interval(0,1)", "hydra.sweeper.n_trials=4", "hydra.sweeper.sampler=random"]


@pytest.mark.slow
def test_a_sweep_runs_and_the_same_command_resumes(tmp_path):
    done = sweep(tmp_path, *FOUR, "y=2", "hydra.sweeper.n_jobs=2")
    assert done.returncode == 0, done.stderr
    assert states(tmp_path) == ["COMPLETE"] * 4
    lines = done.stdout.splitlines()
    assert sum(line.startswith("trial ") and "best" in line for line in lines) == 4
    assert "top 4:" in lines
    assert all(trial.value >= 2 for trial in study(tmp_path).trials)
    again = sweep(tmp_path, *FOUR, "y=2")
    assert again.returncode == 0, again.stderr
    assert states(tmp_path) == ["COMPLETE"] * 4
    assert "resumes: 4 trials are done" in again.stdout


@pytest.mark.slow
def test_bad_trials_are_pruned(tmp_path):
    done = sweep(
        tmp_path,
        "y=choice(0,1,5,6)",
        "steps=6",
        "hydra.sweeper.sampler=grid",
        "hydra.sweeper.pruner=median",
        "hydra.sweeper.pruner_options={n_startup_trials:2,n_warmup_steps:2}",
    )
    assert done.returncode == 0, done.stderr
    assert states(tmp_path) == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]
    assert [len(t.intermediate_values) for t in study(tmp_path).trials] == [6, 6, 3, 3]
    assert done.stdout.count("Pruned after step 2.") == 2


@pytest.mark.slow
def test_a_sweep_ends_in_time_and_the_same_command_goes_on(tmp_path):
    long = ["x=interval(0,1)", "hydra.sweeper.n_trials=3", "hydra.sweeper.sampler=random"]
    start_time = time.monotonic()
    done = sweep(tmp_path, *long, "sleep=60", "hydra.sweeper.hours=0.001")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start_time < 30, "a trial that runs is ended"
    assert states(tmp_path) == ["FAIL", "WAITING"]
    assert study(tmp_path).trials[0].user_attrs["reason"] == "the time of the sweep is over"

    # Another trial of 4 s, the median of the complete ones, would not end in time.
    other = tmp_path / "other"
    other.mkdir()
    assert sweep(other, *long, "sleep=4", "hydra.sweeper.n_trials=1").returncode == 0
    assert sweep(other, *long, "hydra.sweeper.hours=0.001").returncode == 0
    assert states(other) == ["COMPLETE"]
    assert sweep(other, *long).returncode == 0
    assert states(other) == ["COMPLETE"] * 3


@pytest.mark.release
def test_failures_are_reported_and_the_sweep_continues(tmp_path):
    done = sweep(
        tmp_path,
        "trouble=choice(error,none,kill,nan)",
        "y=choice(0,1)",
        "hydra.sweeper.retries=0",
        "hydra.sweeper.max_failure_rate=1",
        "hydra.sweeper.n_jobs=2",
    )
    assert done.returncode == 0, done.stderr
    assert Counter(states(tmp_path)) == {"FAIL": 6, "COMPLETE": 2}
    reasons = Counter(t.user_attrs.get("reason") for t in study(tmp_path).trials)
    assert reasons == {
        "RuntimeError: it is broken": 2,
        "killed by SIGKILL, as the system does when memory runs out": 2,
        "returned nan": 2,
        None: 2,
    }
    log = next(t.user_attrs["log"] for t in study(tmp_path).trials if "broken" in str(t.user_attrs))
    assert "Traceback" in log


@pytest.mark.slow
def test_too_many_failures_stop_it_with_one_message(tmp_path):
    done = sweep(tmp_path, "y=range(0,9)", "trouble=error")
    assert done.returncode != 0
    assert states(tmp_path).count("FAIL") == 3
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith(
            "3 of 3 trials failed, more than hydra.sweeper.max_failure_rate=0.5 allows; "
            "the most common reason, 3 times: RuntimeError: it is broken"
        )
    )


@pytest.mark.slow
def test_a_dry_run_lists_and_leaves_nothing(tmp_path):
    done = sweep(tmp_path, "y=range(0,2)", "word=a,b", "hydra.sweeper.dry_run=true")
    assert done.returncode == 0, done.stderr
    listed = [line.split("  ")[1] for line in done.stdout.splitlines() if "would run" in line]
    assert listed == ["y=0 word=a", "y=0 word=b", "y=1 word=a", "y=1 word=b"]
    assert list(tmp_path.iterdir()) == []


def test_a_misspelled_key_is_an_error_before_anything_runs(tmp_path):
    done = sweep(tmp_path, "yy=range(0,2)")
    assert done.returncode != 0
    assert "yy" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.release
def test_several_directions(tmp_path):
    done = sweep(
        tmp_path,
        "x=0.3,0.4",
        "y=range(0,2)",
        "several=true",
        "hydra.sweeper.direction=[minimize,maximize]",
    )
    assert done.returncode == 0, done.stderr
    assert "Pareto front:" in done.stdout
    assert sorted(t.params["y"] for t in study(tmp_path).best_trials) == [0, 1]


@pytest.mark.release
def test_interrupting_a_sweep_ends_its_trials_and_it_resumes(tmp_path):
    arguments = ["y=range(0,3)", "steps=2", "sleep=1"]
    process = start(tmp_path, *arguments)
    pid = wait_for_a_trial(tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert not psutil.pid_exists(pid)
    assert "RUNNING" not in states(tmp_path)
    assert sweep(tmp_path, *arguments).returncode == 0
    assert_nothing_lost(tmp_path, 3)


@pytest.mark.release
def test_kill_9_at_random_moments_loses_nothing(tmp_path):
    kill_at_random(tmp_path, kills=4, trials=6, seed=0)


def kill_at_random(folder, kills, trials, seed):
    """Kills sweeps and trials at random moments, then lets one finish; checks that all is there."""
    rng = random.Random(seed)
    arguments = [f"y=range(0,{trials})", "steps=3", "sleep=0.1", "hydra.sweeper.n_jobs=2"]
    arguments += ["hydra.sweeper.retries=1000", "hydra.sweeper.max_failure_rate=1"]
    killed = Counter()
    while sum(killed.values()) < kills:
        process = start(folder, *arguments)
        time.sleep(rng.uniform(0.2, 4.0))
        children = [c.pid for c in psutil.Process(process.pid).children()]
        if children and rng.random() < 0.5:
            kill(rng.choice(children))
            killed["trial"] += 1
            time.sleep(rng.uniform(0, 1.0))
        ended = process.poll() is not None
        process.kill()
        process.communicate()
        if ended:
            break
        killed["sweep"] += 1
    done = sweep(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert_nothing_lost(folder, trials)
    return killed


def kill(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def assert_nothing_lost(folder, trials):
    """Every combination has exactly one result, the right one, and nothing is left running."""
    found = study(folder).trials
    assert {t.state.name for t in found} <= {"COMPLETE", "FAIL"}
    complete = [t for t in found if t.state.name == "COMPLETE"]
    assert sorted(t.params["y"] for t in complete) == list(range(trials))
    assert all(t.value == pytest.approx(0.09 + t.params["y"]) for t in complete)
    assert all(t.user_attrs["reason"] for t in found if t.state.name == "FAIL")


def wait_for_a_trial(folder):
    for _ in range(600):
        time.sleep(0.05)
        if (folder / "studies.db").exists():
            try:
                pids = [t.user_attrs.get("pid") for t in study(folder).trials]
            except KeyError:
                continue
            if any(pids):
                return int(next(filter(None, pids)))
    raise AssertionError("no trial began")


@pytest.mark.slow
def test_a_trial_is_retried_when_what_it_was_forked_from_is_killed(tmp_path):
    process = start(tmp_path, "y=range(0,2)", "steps=2", "sleep=1")
    pid = wait_for_a_trial(tmp_path)
    kill(psutil.Process(pid).ppid())
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert not psutil.pid_exists(pid)
    assert_nothing_lost(tmp_path, 2)
    assert "killed by SIGKILL" in output


@pytest.mark.slow
def test_a_killed_sweep_takes_its_trials_along(tmp_path):
    process = start(tmp_path, "y=range(0,3)", "steps=3", "sleep=30")
    time.sleep(0.5)
    children = []
    while not children:
        assert process.poll() is None
        children = psutil.Process(process.pid).children()
        time.sleep(0.05)
    time.sleep(0.5)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


@pytest.mark.release
def test_many_sweeps_start_at_once_on_a_study_that_does_not_exist(tmp_path):
    processes = [start(tmp_path, "y=range(0,8)") for _ in range(8)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert_nothing_lost(tmp_path, 8)
