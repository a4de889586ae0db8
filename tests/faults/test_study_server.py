"""Four sweeps of one study, whose database is restarted, cut and slowed while trials run."""

import os
import subprocess
import threading
import time
from collections import Counter

import optuna
import pytest

from tests.faults.proxy import Proxy
from tests.faults.servers import DATABASE_PASSWORD, STUDIES, USER, PostgreSQL
from tests.optuna_sweeper.running import STUDY, command

TRIALS, WORKERS = 40, 4


@pytest.mark.faults
@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_a_study_survives_its_database(sampler, tmp_path, monkeypatch, record_figure):
    monkeypatch.setenv("PGPASSWORD", DATABASE_PASSWORD)
    postgresql = PostgreSQL()
    proxy = Proxy(postgresql.port)
    swept = [f"y=range(0,{TRIALS})", "steps=2", "sleep=1", f"hydra.sweeper.study_name={STUDY}"]
    if sampler == "random":
        swept += [f"hydra.sweeper.n_trials={TRIALS}", "hydra.sweeper.sampler=random"]
    url = f"postgresql://{USER}@127.0.0.1:{proxy.port}/{STUDIES}"
    swept += [f"hydra.sweeper.storage={url}", f"hydra.sweep.dir={tmp_path}"]
    began, logs, workers = time.monotonic(), [], []
    try:
        for worker in range(WORKERS):
            logs.append(tmp_path / f"worker{worker}.log")
            with logs[-1].open("wb") as log:
                started = subprocess.Popen(command(*swept), stdout=log, stderr=log, env=os.environ)
            workers.append(started)
        for number, fault in enumerate([slow, restart, cut, restart, cut]):
            wait_for((number + 1) * TRIALS // 6, postgresql, workers)
            fault(postgresql, proxy)
        returned = [worker.wait(1800) for worker in workers]
        seconds = time.monotonic() - began
        texts = [log.read_text() for log in logs]
        assert returned == [0] * WORKERS, texts
        assert not any("Traceback" in text or DATABASE_PASSWORD in text for text in texts), texts
        trials = optuna.load_study(study_name=STUDY, storage=url).trials
        complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
        assert len(complete) == TRIALS
        assert sampler == "random" or {t.params["y"] for t in complete} == set(range(TRIALS))
        states = Counter(trial.state.name for trial in trials)
        assert states.keys() <= {"COMPLETE", "FAIL", "WAITING"}
        record_figure(
            f"{sampler}: {TRIALS} trials of {WORKERS} sweeps in {seconds:.0f} s, database "
            f"restarted twice, {proxy.cuts} connections cut; trials by state: {dict(states)}"
        )
    finally:
        for worker in workers:
            worker.kill()
        postgresql.close()


def wait_for(trials, postgresql, workers):
    """Waits until so many are complete."""
    while any(worker.poll() is None for worker in workers):
        if postgresql.complete_trials() >= trials:
            return
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
