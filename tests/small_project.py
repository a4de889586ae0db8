"""The project with small defaults, in which the commands of the documentation run."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import cached_property
from itertools import cycle
from pathlib import Path

from tests.documentation import ROOT, Shown, blocks
from tests.installed import build, install

SHORTER = {
    r"n_trials=\d+": "n_trials=2",
    r"seed=range\(0,\d+\)": "seed=range(0,2)",
    r"n_jobs=\d+": "n_jobs=2",
    r"split\.folds=10": "split.folds=2",
    r"sweep\.folds=5": "sweep.folds=2",
    r"training\.epochs=\d+": "training.epochs=1",
    r"training\.swa_epochs=\d+": "training.swa_epochs=1",
    r"start_epoch=15": "start_epoch=0",
}
"""What is made smaller in commands, so that each ends within seconds."""

SMALL_FILES = {
    "conf/data/sample.yaml": {"signs": 4, "signers": 5, "clips": 60},
    "conf/model/transformer.yaml": {"units": 16, "landmark_units": 8, "num_blocks": 1},
    "conf/model/conv_transformer.yaml": {"units": 16, "num_stages": 1, "num_convolutions": 1},
    "conf/train.yaml": {"epochs": 1, "workers": 1},
}
_EXAMPLES = "tests/data"
_FETCHED = ".cache/npm"
_QUICK = "quick"
_COMPARED = "compared"


def small_copy(root: Path) -> Path:
    """Copies the project, with small defaults, and returns the copy."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("gislr", "hydra_plugins", "conf", "experiments", _EXAMPLES):
        shutil.copytree(ROOT / name, root / name, symlinks=True, ignore=ignored)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "README.md"):
        shutil.copy(ROOT / name, root)
    for name, values in SMALL_FILES.items():
        text = (root / name).read_text()
        for key, value in values.items():
            text, count = re.subn(rf"(?m)^( *{key}:) [^#\n]*", rf"\1 {value} ", text)
            assert count == 1, f"{name} has {count} {key}"
        (root / name).write_text(text)
    for path in (root / "experiments").glob("*.yaml"):
        path.write_text(_shorter_experiment(path.read_text()))
    return root


def _shorter_experiment(text: str) -> str:
    text = re.sub(r"(?m)^( +epochs:) \d+", r"\1 1", text)
    return re.sub(r"(?m)^( +n_trials:) \d+", r"\1 2", text)


class SmallProject:
    """What commands need (runs, a sweep, a champion, an export) is made when needed.

    Args:
        root: Where to; must not be there yet.
        installed: Whether commands come from the copy's wheel and run in a folder without code,
            instead of in the copy.
    """

    def __init__(self, root: Path, *, installed: bool = False) -> None:
        self.source = self.root = small_copy(root / "source" if installed else root)
        self._python, self._path = Path(sys.executable), str(root)
        self._outputs = 0
        if installed:
            self.root = root / "project"
            shutil.copytree(ROOT / _EXAMPLES, self.root / _EXAMPLES)
            build(self.source, "--wheel")
            [wheel] = (self.source / "dist").glob("*.whl")
            extras = "jax,launchers,onnx,pose"
            self._python = install(wheel, root / "environment", extras=extras) / "python"
            self._path = ""
        if (ROOT / _FETCHED).is_dir():
            (self.root / _FETCHED).parent.mkdir()
            (self.root / _FETCHED).symlink_to(ROOT / _FETCHED)
        for block in blocks("yaml"):
            if block.title and block.title.startswith("experiments/"):
                (self.root / "experiments").mkdir(exist_ok=True)
                (self.root / block.title).write_text(_shorter_experiment(block.text))

    def start(
        self, words: list[str], environment: tuple[str, ...] = (), log: Path | None = None
    ) -> subprocess.Popen:
        """Starts a command in the project; a log gets all of its output."""
        ours = {"python": [], "gislr": ["-m", "gislr"], "mlflow": ["-m", "mlflow"]}
        program = [str(self._python), *ours[words[0]]] if words[0] in ours else [words[0]]
        own = {**os.environ, "PYTHONPATH": self._path, "MLFLOW_DISABLE_TELEMETRY": "true"}
        # As in an activated environment: MLflow starts its server by the name uvicorn.
        own["PATH"] = os.pathsep.join([str(self._python.parent), own["PATH"]])
        own.update(variable.split("=", 1) for variable in environment)
        output = log.open("w") if log else subprocess.PIPE
        errors = subprocess.STDOUT if log else subprocess.PIPE
        return subprocess.Popen(
            [*program, *words[1:]],
            cwd=self.root,
            env=own,
            text=True,
            stdout=output,
            stderr=errors,
        )

    def run(self, *words: str, environment: tuple[str, ...] = ()) -> str:
        """Runs a command and returns what it printed."""
        process = self.start(list(words), environment)
        output, errors = process.communicate(timeout=900)
        assert process.returncode == 0, f"{' '.join(words)}\n{output[-2000:]}\n{errors[-4000:]}"
        return output

    @cached_property
    def data(self) -> Path:
        """The embedded sample as a folder in the layout of Kaggle's set."""
        self.run("gislr", "prepare")
        # A page's sample clips may lie beside it.
        listings = (self.root / ".cache").rglob("train.csv")
        listing = max(listings, key=lambda path: path.stat().st_size)
        return Path(shutil.copytree(listing.parent, self.root.parent / "asl-signs"))

    @cached_property
    def manifest(self) -> Path:
        """A manifest of the data."""
        _, *rows = (self.data / "train.csv").read_text().splitlines()
        signers = sorted({row.split(",")[1] for row in rows})
        splits = dict(zip(signers, cycle(["train", "train", "val", "test"])))
        path = self.data / "clips.csv"
        rows = [f"{row},{splits[row.split(',')[1]]},{row.split(',')[1]}" for row in rows]
        path.write_text("\n".join(["path,signer,sequence,sign,split,session", *rows]))
        return path

    @cached_property
    def with_test(self) -> str:
        """A training on the manifest's own split."""
        experiment = "tracking.experiment=listed"
        data = ["data=clips", f"data.manifest={self.manifest}", "split=listed"]
        self.run("gislr", "train", *data, experiment)
        return self._from_database("SELECT run_uuid FROM runs ORDER BY start_time")[-1]

    @property
    def clip(self) -> Path:
        """A clip of the data."""
        return min(self.data.rglob("*.parquet"))

    @cached_property
    def runs(self) -> list[str]:
        """Two trainings that held out the same signers."""
        found = []
        for seed in (1, 2):
            self.run("gislr", "train", f"seed={seed}", f"tracking.experiment={_COMPARED}")
            found.append(self._from_database("SELECT run_uuid FROM runs ORDER BY start_time")[-1])
        return found

    @cached_property
    def sweep(self) -> str:
        """A sweep, whose trials are of an experiment."""
        self.run("gislr", "sweep", f"+experiments={_QUICK}", "seed=range(7,9)")
        return self._from_database("SELECT run_uuid FROM tags WHERE key = 'sweep'")[0]

    @cached_property
    def champion(self) -> str:
        """The registered model."""
        self.run("gislr", "final", f"run={self.runs[0]}", "promote=true")
        return "models:/gislr@champion"

    @cached_property
    def exported(self) -> str:
        """The folder of an exported model."""
        self.run(
            "gislr", "export", f"run={self.runs[0]}", "precisions=[float32]", "compared_clips=8"
        )
        model = next((self.root / "exports").rglob("model.tflite"))
        return str(model.parent.relative_to(self.root))

    def interrupt_a_training(self) -> None:
        """Leaves a training that was killed after its first epoch."""
        process = self.start(["gislr", "train", "training.epochs=3"])
        while (line := process.stdout.readline()) and "epoch 1/3" not in line:
            pass
        process.kill()
        process.communicate()

    def fill(self, shown: Shown) -> list[str]:
        """Returns a command with the names of real things, made smaller."""
        self._outputs += 1
        runs = cycle(range(2))
        values = {
            **SHORTER,
            r"run=SWEEP\b": lambda _: f"run={self.sweep}",
            r"\bRUN\b": lambda _: self.runs[next(runs)],
            r"\bMODEL\b": lambda _: self.runs[0],
            r"models:/gislr@champion": lambda _: self.champion,
            r"exports/NAME\b": lambda _: self.exported,
            r"\bCLIP\b": lambda _: str(self.clip),
            r"\b(?:MANIFEST|OTHERS)\b": lambda _: str(self.manifest),
            r"\bDIR\b": lambda _: str(self.data),
            r"\+experiments=NAME\b": lambda _: f"+experiments={_QUICK * bool(self.sweep)}",
            r"experiment=NAME\b": lambda _: f"experiment={_COMPARED * bool(self.runs)}",
            r"output=FOLDER\b": f"output={self.root / 'build' / str(self._outputs)}",
            r"\bFOLDER\b": lambda _: str(self.clip.parent),
        }
        words = list(shown.words)
        if "split=test" in words:
            values[r"\bRUN\b"] = lambda _: self.with_test
        for placeholder, value in values.items():
            words = [re.sub(placeholder, value, word) for word in words]
        few = {
            "cross_validate": ("split.folds=2", "seed=0"),
            "learning_curve": ("training.clips_per_sign=1,null", "seed=0"),
        }
        given = " ".join(words)
        words += [w for w in few.get(words[1], ()) if w.split("=")[0] not in given]
        if "split=nested" in words:
            words += ["split.outer_folds=2", "split.folds=2"]
        if "resume=last" in words:
            self.interrupt_a_training()
        return words

    def _from_database(self, query: str) -> list[str]:
        with closing(sqlite3.connect(self.root / "mlruns/mlflow.db")) as database:
            return [value for (value,) in database.execute(query)]
