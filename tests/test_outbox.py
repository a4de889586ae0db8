"""What a tracking store does not accept waits, and arrives later: in order, once, after kills."""

import json
import multiprocessing
import os
import random
import sys
import threading
import types

import pytest
from omegaconf import OmegaConf

from gislr.tracking import outbox
from gislr.tracking.outbox import Outbox
from gislr.workflows import sync as workflow

RUNS = ["first", "second"]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store that appends what it receives to a file, and can be made to refuse."""
    received = tmp_path / "received"
    received.touch()

    def send(client, run_id, content, files):
        if client.refuses():
            raise OSError("not today")
        texts = sorted(path.read_text() for path in files.rglob("*.txt")) if files else []
        with received.open("a") as file:
            file.write(json.dumps([run_id, content["number"], texts]) + "\n")

    monkeypatch.setattr(outbox, "SENDERS", {"any": send})
    uri = f"sqlite:///{tmp_path}/mlflow.db"

    def client(refuses=lambda: False):
        return types.SimpleNamespace(tracking_uri=uri, refuses=refuses)

    monkeypatch.setattr(workflow, "connect", lambda settings, create: (client(), ""))
    return types.SimpleNamespace(
        config=OmegaConf.create({"tracking": {"uri": uri, "experiment": "x", "run_name": None}}),
        client=client,
        folder=tmp_path,
        received=lambda: [json.loads(line) for line in received.read_text().splitlines()],
        forget=lambda: received.write_text(""),
    )


def keep(store, count=3):
    """Keeps entries of two runs that the store refuses; the last of each comes with files."""
    for run in RUNS:
        box = Outbox(store.client(refuses=lambda: True), run)
        for number in range(count):
            box._quiet_until = 0
            files = store.folder / "files" if number == count - 1 else None
            if files:
                (files / "inner").mkdir(parents=True, exist_ok=True)
                (files / "a.txt").write_text("a")
                (files / "inner" / "b.txt").write_text("b")
            box.put("any", {"number": number}, files)


def test_what_is_kept_arrives_in_order_and_with_its_files(store):
    keep(store)
    assert store.received() == []
    assert workflow.sync(store.config) == len(RUNS)
    expected = [[run, k, ["a", "b"] if k == 2 else []] for run in RUNS for k in range(3)]
    assert store.received() == expected
    assert workflow.sync(store.config) == 0
    assert not [path for path in (store.folder / "unsent").rglob("*") if path.is_file()]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_that_is_kept_while_another_sends(store, seed):
    chances, count = random.Random(seed), 200
    writer = Outbox(store.client(refuses=lambda: chances.random() < 0.5), "run")
    done = threading.Event()
    failures = []

    def flush():
        try:
            while not done.wait(0.001):
                Outbox(store.client(), "run").flush()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=flush) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(count):
            writer._quiet_until = 0
            writer.put("any", {"number": number})
    finally:
        done.set()
        for thread in threads:
            thread.join()
    workflow.sync(store.config)
    assert failures == []
    assert [number for _, number, _ in store.received()] == list(range(count))


def killed_at(line, store):
    """Flushes in a process that dies before the given line of code; tells whether it died."""

    def flush():
        count = 0

        def trace(frame, event, argument):
            nonlocal count
            code = frame.f_code
            if not (code.co_filename.endswith("outbox.py") or "rmtree" in code.co_name):
                return None
            count += event == "line"
            if count == line:
                os._exit(9)
            return trace

        sys.settrace(trace)
        Outbox(store.client(), RUNS[0]).flush()
        sys.settrace(None)
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=flush)
    process.start()
    process.join()
    return process.exitcode == 9


@pytest.mark.release
def test_a_later_sync_ends_what_was_killed_at_any_line(store):
    line = 1
    expected = {(run, number) for run in RUNS for number in range(2)}
    while True:
        store.forget()
        keep(store, 2)
        died = killed_at(line, store)
        workflow.sync(store.config)
        received = [(run, number) for run, number, _ in store.received()]
        assert set(received) == expected
        assert len(received) <= len(expected) + 1, "only what was being sent is sent once more"
        assert workflow.sync(store.config) == 0
        if not died:
            break
        line += 1
    assert line > 20
