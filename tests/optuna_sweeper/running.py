"""Runs the small application's sweeps as processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import optuna

from hydra_plugins.optuna_sweeper._storage import locked

APP = Path(__file__).with_name("app.py")
STUDY = "study"


def command(*arguments):
    return [sys.executable, str(APP), "-m", "hydra/sweeper=optuna", *map(str, arguments)]


def quick(folder):
    """Overrides that keep everything in a folder."""
    return [
        f"hydra.sweeper.storage=sqlite:///{folder / 'studies.db'}",
        f"hydra.sweeper.study_name={STUDY}",
        f"hydra.sweep.dir={folder / 'jobs'}",
        "hydra.output_subdir=null",
        "hydra/job_logging=none",
        "hydra/hydra_logging=none",
    ]


def sweep(folder, *arguments, python=sys.executable):
    line = command(*quick(folder), *arguments)
    return subprocess.run(
        [python, *line[1:]],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=300,
    )


def start(folder, *arguments):
    return subprocess.Popen(
        command(*quick(folder), *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ,
    )


def study(folder):
    """Opens the study under the sweeper's own lock: a new database must not be opened twice."""
    url = f"sqlite:///{folder / 'studies.db'}"
    with locked(url):
        storage = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})
    return optuna.load_study(study_name=STUDY, storage=storage)


def states(folder):
    return [trial.state.name for trial in study(folder).trials]
