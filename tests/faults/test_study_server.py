"""Four sweeps of one study, whose database is restarted, cut and slowed while trials run."""

import multiprocessing
import threading
import time
from collections import Counter

import optuna
import pytest

from hydra_plugins.optuna_sweeper._algorithms import make_pruner
from hydra_plugins.optuna_sweeper._queue import TrialQueue
from hydra_plugins.optuna_sweeper._storage import load_study
from hydra_plugins.optuna_sweeper._sweep import ENDED
from tests.faults.proxy import Proxy
from tests.faults.servers import DATABASE_PASSWORD, STUDIES, USER, PostgreSQL
from tests.optuna_sweeper.test_queue import complete, open_sweep

TRIALS, WORKERS, STEPS = 40, 4, 3


def work(url, sampler):
    """Runs trials without processes of their own until the study has them all."""
    sweep = open_sweep(url, TRIALS, sampler, space=[f"y=range(0,{TRIALS})"])
    queue = TrialQueue(sweep)
    queue.recover()
    if sampler == "grid":
        queue.enqueue_grid()
    while asked := queue.ask():
        trial, _ = asked
        study = load_study(url, "study", make_pruner("median", {}))
        reporting = optuna.Trial(study, trial._trial_id)
        for step in range(STEPS):
            reporting.report(float(reporting.params["y"]), step)
            reporting.should_prune()
            time.sleep(0.1)
        queue.tell(trial, complete(float(trial.params["y"])))


@pytest.mark.faults
@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_a_study_survives_its_database(sampler, monkeypatch, record_figure):
    monkeypatch.setenv("PGPASSWORD", DATABASE_PASSWORD)
    postgresql = PostgreSQL()
    proxy = Proxy(postgresql.port)
    url = f"postgresql://{USER}@127.0.0.1:{proxy.port}/{STUDIES}"
    began = time.monotonic()
    fork = multiprocessing.get_context("fork")  # what is imported need not be again
    workers = [fork.Process(target=work, args=(url, sampler)) for _ in range(WORKERS)]
    try:
        for worker in workers:
            worker.start()
        is_running = lambda: any(worker.is_alive() for worker in workers)  # noqa: E731
        for number, fault in enumerate([slow, restart, cut, restart, cut]):
            wait_for((number + 1) * TRIALS // 6, postgresql, is_running)
            fault(postgresql, proxy)
        for worker in workers:
            worker.join(1800)
        assert [worker.exitcode for worker in workers] == [0] * WORKERS
        seconds = time.monotonic() - began
        trials = optuna.load_study(study_name="study", storage=url).trials
        found = [trial for trial in trials if trial.state.name == "COMPLETE"]
        assert len(found) == len({trial.user_attrs[ENDED] for trial in found}) == TRIALS
        assert sampler == "random" or {t.params["y"] for t in found} == set(range(TRIALS))
        assert all(len(trial.intermediate_values) == STEPS for trial in found)
        states = Counter(trial.state.name for trial in trials)
        assert not states["RUNNING"]
        record_figure(
            f"{sampler}: {TRIALS} trials of {WORKERS} sweeps in {seconds:.0f} s, database "
            f"restarted twice, {proxy.cuts} connections cut; trials by state: {dict(states)}"
        )
    finally:
        for worker in workers:
            worker.kill()
        postgresql.close()


def wait_for(trials, postgresql, is_running):
    """Waits until so many are complete, or nothing runs."""
    while is_running() and postgresql.complete_trials() < trials:
        time.sleep(0.2)


def slow(postgresql, proxy):
    proxy.delay = 0.05
    threading.Timer(10, lambda: setattr(proxy, "delay", 0.0)).start()


def restart(postgresql, proxy):
    postgresql.stop()
    time.sleep(5)
    postgresql.start()


def cut(postgresql, proxy):
    proxy.cut(2)
