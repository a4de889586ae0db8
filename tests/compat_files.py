"""Writes the files of this release that every later one must open: `python -m tests.compat_files`.

They are made by the commands themselves, from made-up clips of hands, and packed as
`tests/data/compat/RELEASE.tar.xz`, without pages, figures, the copied code of the registered model,
or anything that tells of the machine. `tests/test_compat.py` opens them.
"""

import csv
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np

from gislr import __version__
from gislr.data.landmarks import LEFT_HAND, RIGHT_HAND
from tests.commands import TINY
from tests.conftest import separable_clips

FOLDER = Path(__file__).parent / "data" / "compat"
TRACKING = "tracking.uri=sqlite:///mlruns/mlflow.db"
SWEEP = ["optimizer.learning_rate=interval(1e-3,1e-2)", "training.epochs=1"]
SWEEP += ["hydra.sweeper.sampler=random", "hydra.sweeper.study_name=kept"]
DATA = ["data=clips", "data.manifest=clips.csv"]
TRIALS = 2
LEFT_OUT = ("*.png", "*.html", "code", "__pycache__", "*.lock", ".lock", ".verified-*")
PRIVATE_TAGS = ("gislr.process", "mlflow.user", "mlflow.source.name")
RECORDED = "/recorded"
"""What stands for the folder in which the files were made."""


def main() -> None:
    """Makes and packs the files."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "made")
        folder.mkdir()
        write_clips(folder)
        command(folder, "train", *DATA, *TINY, TRACKING)
        run = rows(folder, "mlflow.db", "SELECT run_uuid FROM runs")[0]
        command(folder, "sweep", *DATA, *TINY, *SWEEP, TRACKING, f"hydra.sweeper.n_trials={TRIALS}")
        command(folder, "export", f"run={run}", "precisions=[float32]", "output=exports", TRACKING)
        command(folder, "final", f"run={run}", "epochs=1", "promote=true", TRACKING)
        os.chdir(folder)
        record(folder, run)
        forget_this_machine(folder)
        FOLDER.mkdir(exist_ok=True)
        with tarfile.open(FOLDER / f"{__version__}.tar.xz", "w:xz", preset=9) as archive:
            archive.add(folder, ".", filter=anonymous)


def write_clips(folder: Path) -> None:
    """Writes a manifest and clips of both hands, as any tool may write them."""
    (folder / "clips").mkdir()
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "sign", "signer"])
        for number, (signer, sign, landmarks) in enumerate(separable_clips(3, 3, 2)):
            hands = landmarks[:, np.concatenate([LEFT_HAND, RIGHT_HAND])]
            np.savez_compressed(folder / f"clips/{number}.npz", landmarks=hands.round(3))
            writer.writerow([f"clips/{number}.npz", sign, signer])


def command(folder: Path, *words: str) -> None:
    """Runs a command in the folder, whose paths are relative to it."""
    project = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-m", "gislr", *words], cwd=folder, env=project, check=True)


def rows(folder: Path, database: str, query: str) -> list[str]:
    with closing(sqlite3.connect(folder / "mlruns" / database)) as connection:
        return [row[0] for row in connection.execute(query)]


def record(folder: Path, run_id: str) -> None:
    """Keeps the store, the exported file, and what each thing gives today."""
    from gislr.config.configuration import open_data
    from gislr.config.tracking_settings import TrackingSettings
    from gislr.inference.logged_models import predict_logged
    from gislr.inference.open_model import open_recognizer
    from gislr.tracking.run_search import find_run

    settings = TrackingSettings(uri=TRACKING.partition("=")[2], experiment="gislr", run_name=None)
    run = find_run(settings, run_id)
    store = open_data(run.configuration())
    shutil.copytree(store.folder, folder / "store")
    [exported] = (folder / "exports").rglob("model.tflite")
    shutil.move(exported.parent, folder / "export")
    clips = [store.listing.read(clip) for clip in range(3)]
    models = {
        "run": run_id,
        "exported": "export/model.tflite",
        "registered": "models:/gislr@champion",
    }
    np.savez(
        folder / "expected.npz",
        frames=store.frames,
        evaluated=predict_logged(run, store, "val").probabilities,
        **{k: open_recognizer(settings, model).probabilities(clips) for k, model in models.items()},
    )
    values = rows(folder, "studies.db", "SELECT value FROM trial_values")
    known = {"fingerprint": store.fingerprint, "models": models, "study": values}
    (folder / "expected.json").write_text(json.dumps(known, indent=1))
    shutil.rmtree(store.folder)
    shutil.rmtree(folder / "exports")


def forget_this_machine(folder: Path) -> None:
    """Removes what is large or tells of the machine; refuses to go on where something is left."""
    for pattern in LEFT_OUT:
        for path in list(folder.rglob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in ("mlflow.db", "studies.db"):
        with closing(sqlite3.connect(folder / "mlruns" / name)) as database:
            for table, column in text_columns(database):
                for place in (folder, Path(__file__).parents[1]):
                    database.execute(
                        f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?)',
                        (str(place), RECORDED),
                    )
            if name == "mlflow.db":
                marks = ", ".join("?" * len(PRIVATE_TAGS))
                database.execute(f"DELETE FROM tags WHERE key IN ({marks})", PRIVATE_TAGS)
                database.execute("UPDATE runs SET user_id = '', source_name = ''")
            else:
                database.execute("DELETE FROM trial_user_attributes WHERE key IN ('owner', 'log')")
                database.execute("DELETE FROM study_user_attributes WHERE key = 'report'")
            database.commit()
            database.execute("VACUUM")
    private = [folder, Path.home(), Path(__file__).parents[1], Path(sys.prefix)]
    owner = re.compile(rb"\b%b \d+ \d{10}" % re.escape(socket.gethostname().encode()))
    for path in filter(Path.is_file, folder.rglob("*")):
        content = path.read_bytes()
        if path.name == "MLmodel":
            for place in private:
                content = content.replace(str(place).encode(), RECORDED.encode())
            path.write_bytes(content)
        names = [str(place) for place in private if str(place).encode() in content]
        assert not names, f"{path} names {names}"
        assert not owner.search(content), f"{path} names this machine"


def text_columns(database: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [
        (table, column)
        for (table,) in tables
        for _, column, kind, *_ in database.execute(f'PRAGMA table_info("{table}")').fetchall()
        if kind.startswith(("VARCHAR", "TEXT"))
    ]


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uname = entry.gname = ""
    entry.uid = entry.gid = 0
    return entry


if __name__ == "__main__":
    main()
