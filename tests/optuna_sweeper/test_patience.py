"""A database that loses requests and answers while sweeps use it, and addresses with passwords."""

import itertools
import sqlite3
from functools import partial

import pytest
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from hydra_plugins.optuna_sweeper import SweepError, SweeperSettings, has_password
from hydra_plugins.optuna_sweeper._queue import TrialQueue
from hydra_plugins.optuna_sweeper._sweep import ENDED, counted_trials
from tests.optuna_sweeper.test_queue import complete, make_sweep, run

SECRET = "hunter2"
LOST = OperationalError("COMMIT", None, Exception("server closed the connection"))


def losing(sweep, number, *, answer):
    """Lets one commit fail, before it is made or only its answer; returns whether it has."""
    sweep.study._storage.patience._is_served = True  # sqlite cannot be away
    dialect, commits, lost = sweep.study._storage._backend.engine.dialect, itertools.count(), []
    commit = dialect.do_commit

    def lose(connection):
        is_lost = next(commits) == number
        if answer or not is_lost:
            commit(connection)
        if is_lost:
            lost.append(number)
            raise sqlite3.OperationalError("server closed the connection")

    dialect.do_commit = lose
    return lost


def run_losing(folder, sampler, number, *, answer):
    """Runs a sweep of three trials; tells whether there was that many a commit to lose."""
    sweep = make_sweep(folder, 3, sampler, space=["y=range(0,3)"])
    lost = losing(sweep, number, answer=answer)
    run(sweep, lambda trial: complete(float(trial.params["y"])))
    found = make_sweep(folder, 3, sampler, space=["y=range(0,3)"]).study.trials
    results = [trial.params["y"] for trial in found if trial.state == TrialState.COMPLETE]
    assert len(results) == len(counted_trials(found)) == 3, number
    assert sampler != "grid" or sorted(results) == [0, 1, 2], number
    assert TrialState.RUNNING not in {trial.state for trial in found}, number
    order = [trial.user_attrs[ENDED] for trial in found if trial.state == TrialState.COMPLETE]
    assert len(set(order)) == 3, number
    return bool(lost)


@pytest.mark.parametrize("answer", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_lost_write_of_a_grid_is_made_once(tmp_path, answer):
    for number in (2, 7):
        assert run_losing(tmp_path / str(number), "grid", number, answer=answer)


@pytest.mark.slow
@pytest.mark.parametrize("answer", [False, True])
@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_any_lost_write_is_made_once(tmp_path, sampler, answer):
    lose = partial(run_losing, sampler=sampler, answer=answer)
    number = next(n for n in itertools.count() if not lose(tmp_path / str(n), number=n))
    assert number > 20


def test_failures_that_waiting_does_not_end_are_raised(tmp_path):
    sweep = make_sweep(tmp_path, 3)
    patience = sweep.study._storage.patience
    with pytest.raises(OperationalError):
        patience.once_answered(partial(_fail, LOST))  # sqlite, whose disk may be full
    patience._is_served = patience._is_interrupted = True
    with pytest.raises(SweepError, match=r"database must answer within .* server closed .* resume"):
        patience.once_answered(partial(_fail, LOST))
    patience._is_interrupted = False
    assert TrialQueue(sweep).ask() is not None


def _fail(error):
    raise error


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (f"postgresql://ann:{SECRET}@host/studies", True),
        (f"postgresql://ann:{SECRET}@@ho/st/studies", True),
        (f"postgresql://ann:a/{SECRET}@host/studies", True),
        (f"postgresql+psycopg://host/studies?user=ann&password={SECRET}", True),
        (f"http://ann:{SECRET}@host:5000", True),
        (f"http://{SECRET}:@host:5000", True),
        ("postgresql://ann@host:5432/studies?connect_timeout=5", False),
        ("http://[::1]:5000/runs", False),
        ("sqlite:////tmp/a:b@c.db", False),
        ("sqlite:///C:/runs/mlflow.db", False),
    ],
)
def test_passwords_in_addresses_are_found(url, found):
    assert has_password(url) is found


def test_a_storage_with_a_password_is_refused_without_naming_it():
    with pytest.raises(SweepError, match=r"no password.* PGPASSWORD") as refused:
        SweeperSettings(storage=f"postgresql://ann:{SECRET}@host/studies")
    assert SECRET not in str(refused.value)
