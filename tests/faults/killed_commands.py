"""The commands that `kills` ends at random moments, and what each must leave in the end."""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.commands import TINY, gislr
from tests.conftest import separable_clips, write_folder
from tests.test_video import draw

EPOCHS = 3
FILMED = 4
"""How many videos `extract` is given."""
FEW = ["split.folds=2", "training.epochs=1"]
CACHE, BASE, VIDEOS = "cache", "base", "videos"
_NOT_BEGUN = ("holds none", "must hold config.yaml")


@dataclass(frozen=True)
class KilledCommand:
    """A command.

    Attributes:
        words: What is typed in a folder.
        result: What the folder holds once the command has ended; equal for equal results.
        prepared: Whether the data is prepared before, and the run that it needs is there.
        resume: What is added when it is repeated.
    """

    words: Callable[[Path], list[str]]
    result: Callable[[Path], Any]
    prepared: bool = True
    resume: str | None = None

    def repeated(self, folder: Path) -> list[str]:
        """Returns what is typed after a kill."""
        return [*self.words(folder), *([self.resume] if self.resume else [])]

    def begins_anew(self, output: str) -> bool:
        """Tells whether a resumed command was killed before there was anything to resume."""
        return self.resume is not None and any(text in output for text in _NOT_BEGUN)


def set_up(root: Path, names: list[str]) -> None:
    """Makes what commands need: clips, videos, and the folder with a run that they copy."""
    write_folder(root / "clips", separable_clips())
    videos = root / VIDEOS / "all"
    videos.mkdir(parents=True)
    for number in range(300):
        (videos / f"{1 + number % 60:03}_{1 + number % 10:03}_{number:03}.mp4").touch()
    for number in range(FILMED if "extract" in names else 0):
        draw(root / "filmed" / "wave" / f"{number}.mp4", 5 + number, "hand")
    if any(COMMANDS[name].prepared for name in names):
        done = gislr(*training(root / BASE), timeout=3600)
        assert done.returncode == 0, done.stderr


def new_folder(root: Path, name: str, command: KilledCommand) -> Path:
    """Returns a folder in which a command can be typed for the first time."""
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    imported(folder).unlink(missing_ok=True)
    if command.prepared:
        shutil.copytree(root / BASE, folder)
    else:
        folder.mkdir()
    return folder


def tracking(folder: Path, experiment: str = "killed") -> list[str]:
    return [f"tracking.uri=sqlite:///{folder / 'mlflow.db'}", f"tracking.experiment={experiment}"]


def places(folder: Path, experiment: str = "killed") -> list[str]:
    return [f"preparation.cache={folder / CACHE}", *tracking(folder, experiment)]


def data(folder: Path) -> list[str]:
    return ["data=asl_signs", f"data.root={folder.parent / 'clips'}"]


def training(folder: Path) -> list[str]:
    more = [f"training.epochs={EPOCHS}", "optimizer.ema_momentum=0.9", "training.swa_epochs=2"]
    return [*data(folder), *TINY, *more, *places(folder, "gislr")]


def sweeping(folder: Path) -> list[str]:
    return ["-m", *data(folder), *TINY, *places(folder), "training.epochs=1", "seed=range(0,3)"]


def cross_validation(folder: Path) -> list[str]:
    return ["-m", *data(folder), *TINY, *places(folder), *FEW, "seed=0"]


def nested(folder: Path) -> list[str]:
    choice = ["optimizer.learning_rate=1e-3,3e-3", "split=nested", "split.outer_folds=2"]
    return ["-m", *data(folder), *TINY, *places(folder), *FEW, *choice]


def base_run(folder: Path) -> str:
    query = (
        "SELECT run_uuid FROM runs JOIN experiments USING (experiment_id) WHERE experiments.name"
    )
    [(run,)] = rows(folder / "mlflow.db", f"{query} = 'gislr'")
    return str(run)


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def metrics(folder: Path, experiment: str, names: str = "*") -> list[tuple[Any, ...]]:
    """Returns every value of the runs that have ended well, but for times; none is left out."""
    return sorted(
        rows(
            folder / "mlflow.db",
            "SELECT key, step, value FROM metrics JOIN runs USING (run_uuid) "
            "JOIN experiments USING (experiment_id) WHERE status = 'FINISHED' "
            f"AND experiments.name = '{experiment}' AND key GLOB '{names}' "
            "AND key NOT GLOB '*second*'",
        )
    )


def trained(folder: Path) -> Any:
    """Metrics and weights of the training, and that nothing is left of its checkpoints."""
    weights = [
        digest(path)
        for (run,) in rows(
            folder / "mlflow.db", "SELECT run_uuid FROM runs WHERE status = 'FINISHED'"
        )
        for path in folder.rglob(f"{run}/artifacts/model.weights.h5")
    ]
    left = [path.name for path in folder.glob("checkpoints/*")]
    return metrics(folder, "gislr"), weights, left


def swept(folder: Path) -> Any:
    """Every combination and its value, and that no trial is left running."""
    query = (
        "SELECT param_name, param_value, value FROM trials JOIN trial_params USING (trial_id) "
        "JOIN trial_values USING (trial_id) WHERE state = 'COMPLETE'"
    )
    running = rows(folder / "studies.db", "SELECT * FROM trials WHERE state = 'RUNNING'")
    return sorted(rows(folder / "studies.db", query)), running


def validated(folder: Path) -> Any:
    """The pooled scores of the cross-validation, and of those inside of it."""
    return set(metrics(folder, "killed", "cv_*"))


def registered(folder: Path) -> Any:
    """The files of every registered version."""
    sources = rows(folder / "mlflow.db", "SELECT run_id FROM model_versions")
    found = {
        digest(p) for (run,) in sources for p in folder.rglob(f"{run}/artifacts/export/*.tflite")
    }
    return len(sources) > 0, found


def exported(folder: Path) -> Any:
    """The files of the export, but for the card, which holds times."""
    names = ("model.tflite", "rejection.json", "sign_to_prediction_index_map.json", "README.md")
    [place] = (folder / "exports").iterdir()
    return [digest(place / name) for name in names[:3]], (place / names[3]).is_file()


def extracted(folder: Path) -> Any:
    """The clips and their manifest; nothing else lies there but a figure."""
    files = [path for path in (folder / "clips").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".parquet", ".csv", ".png"}
    return sorted((path.name, digest(path)) for path in files if path.suffix != ".png")


def imported(folder: Path) -> Path:
    """Returns the manifest of an import, which must lie above the videos."""
    return folder.parent / VIDEOS / f"{folder.name}.csv"


def prepared(folder: Path) -> Any:
    """The bytes of the one store."""
    [store] = [path for path in (folder / CACHE / "stores").iterdir() if path.is_dir()]
    return sorted((path.name, digest(path)) for path in store.iterdir() if path.name[0] != ".")


COMMANDS = {
    "train": KilledCommand(training, trained, prepared=False, resume="resume=last"),
    "sweep": KilledCommand(sweeping, swept),
    "cross_validate": KilledCommand(cross_validation, validated),
    "nested selection": KilledCommand(nested, validated),
    "final": KilledCommand(
        lambda folder: [f"run={base_run(folder)}", f"epochs={EPOCHS}", *tracking(folder)],
        registered,
    ),
    "export": KilledCommand(
        lambda folder: [
            f"run={base_run(folder)}",
            f"output={folder / 'exports'}",
            *tracking(folder),
        ],
        exported,
    ),
    "prepare": KilledCommand(
        lambda folder: [*data(folder), places(folder)[0], "preparation.workers=2"],
        prepared,
        prepared=False,
    ),
    "extract": KilledCommand(
        lambda folder: [
            str(folder.parent / "filmed"),
            f"output={folder / 'clips'}",
            "workers=1",
        ],
        extracted,
        prepared=False,
    ),
    "import": KilledCommand(
        lambda folder: [
            "lsa64",
            str(folder.parent / VIDEOS),
            f"clips={folder.parent / VIDEOS / 'all'}",
            f"output={imported(folder)}",
        ],
        lambda folder: digest(imported(folder)),
        prepared=False,
    ),
}
"""By name, which is also the module's where `MODULES` names no other."""

MODULES = {"sweep": "train", "nested selection": "train"}
