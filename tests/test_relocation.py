"""A tracking store that was moved or copied: its runs find their artifacts."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking import tracking_store
from gislr.tracking.tracking_store import connect, relocate


def settings(folder):
    return TrackingSettings(
        uri=f"sqlite:///{folder}/mlflow.db", experiment="signs of höme", run_name=None
    )


def locations(folder):
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        rows = [
            *connection.execute("SELECT artifact_location FROM experiments"),
            *connection.execute("SELECT artifact_uri FROM runs"),
        ]
    return [location for (location,) in rows]


def read(folder, run):
    client, _ = connect(settings(folder), create=False)
    [entry] = client.list_artifacts(run)
    return Path(client.download_artifacts(run, entry.path)).read_text()


@pytest.fixture
def kept(tmp_path):
    """A store in a folder that is moved, and the id of its run."""
    folder = tmp_path / "first ä" / "mlruns"
    client, experiment = connect(settings(folder))
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "kept", "note.txt")
    return folder, run


def test_a_moved_store_finds_its_artifacts(kept, tmp_path):
    folder, run = kept
    for name in ("second", "third artifacts/artifacts"):
        there = tmp_path / name / "mlruns"
        there.parent.mkdir(parents=True)
        folder.rename(there)
        folder = there
        assert read(folder, run) == "kept"
        written = locations(folder)
        assert read(folder, run) == "kept"
        assert locations(folder) == written


def test_a_copied_store_reads_its_own_artifacts(kept, tmp_path):
    folder, run = kept
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    [note] = copied.rglob("note.txt")
    note.write_text("copied")
    assert read(copied, run) == "copied"
    assert read(folder, run) == "kept"


def test_other_experiments_keep_their_places(kept, tmp_path):
    folder, _ = kept
    client, _ = connect(settings(folder))
    elsewhere = (tmp_path / "elsewhere/artifacts/theirs").as_uri()
    remote = "s3://bucket/artifacts/signs of höme"
    client.create_experiment("theirs", artifact_location=elsewhere)
    client.create_experiment("remote", artifact_location=remote)
    moved = tmp_path / "moved"
    folder.rename(moved)
    connect(settings(moved))
    found = locations(moved)
    assert elsewhere in found
    assert remote in found
    assert sum(location.startswith(f"{(moved / 'artifacts').as_uri()}/") for location in found) == 2


def test_a_store_behind_a_link_stays_unchanged(kept, tmp_path):
    folder, run = kept
    written = locations(folder)
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert read(link, run) == "kept"
    assert locations(folder) == written


def test_other_databases_stay_unchanged(tmp_path):
    relocate(tmp_path / "none.db")
    assert not list(tmp_path.iterdir())
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE runs (artifact_uri TEXT)")
    relocate(tmp_path / "other.db")


@pytest.mark.slow
def test_a_store_whose_creation_was_killed_is_created_later(
    tmp_path, copied_databases, monkeypatch
):
    monkeypatch.setattr(tracking_store, "_create", copied_databases)
    script = (
        "import os, sys, threading, time; from pathlib import Path\n"
        "from gislr.config.tracking_settings import TrackingSettings\n"
        "from gislr.tracking.tracking_store import connect\n"
        "folder = Path(sys.argv[1])\n"
        "def large(path):\n"
        "    try:\n"
        "        return path.stat().st_size > 20_000\n"
        "    except FileNotFoundError:\n"
        "        return False\n"
        "def kill():\n"
        "    while not any(large(path) for path in list(folder.rglob('mlflow.db'))):\n"
        "        time.sleep(0.001)\n"
        "    os.kill(os.getpid(), 9)\n"
        "threading.Thread(target=kill, daemon=True).start()\n"
        "uri = f'sqlite:///{folder}/mlflow.db'\n"
        "connect(TrackingSettings(uri=uri, experiment='killed', run_name=None))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    client, experiment = connect(settings(tmp_path))
    client.create_run(experiment)
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "mlflow.db"}
