"""Every command and every Python example of README.md and docs/ runs, as it is shown."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import pytest

from gislr.cli.commands import COMMANDS
from gislr.video import environment as mediapipe
from tests.conftest import separable_clips, write_folder
from tests.documentation import PAGES, ROOT, Shown, blocks, shown_commands

NOT_RUN = {
    "hydra/launcher=submitit_slurm": "needs a Slurm cluster; test_launchers.py runs submitit",
    "hydra/launcher=ray": "needs a Ray cluster and gislr[ray]",
    "postgresql://": "needs a server; test_launchers.py starts one where PostgreSQL is installed",
    "gislr video setup=true": "downloads 410 MB; test_video.py uses what it has set up",
    "webcam seconds=3": "needs a webcam",
    "fetch_webcam=true": "downloads by npm; test_demo.py uses what it has fetched",
    "source .venv/bin/activate": "the tests choose their own interpreter",
}
"""What cannot run here, and why."""

SHORTER = {
    r"n_trials=\d+": "n_trials=2",
    r"seed=range\(0,\d+\)": "seed=range(0,2)",
    r"split\.folds=10": "split.folds=2",
    r"training\.epochs=\d+": "training.epochs=1",
    r"(start_epoch)=15": r"\1=0",
}
"""What is made smaller, so that every command ends within seconds."""

SMALL_FILES = {
    "conf/data/sample.yaml": {"signs": 4, "signers": 5, "clips": 60},
    "conf/model/transformer.yaml": {"units": 16, "landmark_units": 8, "num_blocks": 1},
    "conf/model/conv_transformer.yaml": {"units": 16, "num_stages": 1, "num_convolutions": 1},
    "conf/train.yaml": {"epochs": 1, "workers": 1},
}
SERVERS = {"gislr ui": "port={}", "gislr demo": "port={}", "mlflow models": "--port {}"}
"""What does not end by itself: started, asked once, interrupted."""

COMMANDS_SHOWN = shown_commands()
EXAMPLES = [block for block in blocks("python") if not block.title]


def test_the_readme_is_short_and_starts_with_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    assert text.index("make train") < text.index("make test") < text.index("## Train")


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.relative_to(ROOT / "docs").as_posix() in navigation


@pytest.mark.parametrize("shown", COMMANDS_SHOWN, ids=str)
def test_every_command_that_is_shown_exists(shown):
    program, *rest = shown.words
    assert program in {"gislr", "make", "mlflow", "source", "pip"}
    if program == "gislr":
        assert rest[0] in {*COMMANDS, "--help", "completion"}


def test_every_command_named_in_a_sentence_exists():
    for page in PAGES:
        for name in re.findall(r"`(?:gislr |python -m gislr\.)([a-z_]+)", page.read_text()):
            assert name in {*COMMANDS, "completion"}, f"{page.name} names gislr {name}"


@pytest.mark.parametrize("block", blocks("sh"), ids=lambda block: block.page)
def test_a_shell_reads_every_command_that_is_shown(block):
    done = subprocess.run(
        ["bash", "-n"], input=block.text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_cannot_run_is_shown_somewhere():
    for part in NOT_RUN:
        assert any(part in str(shown) for shown in COMMANDS_SHOWN), part


@dataclass
class Project:
    """A copy of the project with a small data set and small defaults; commands run inside it."""

    root: Path
    data: Path
    runs: list[str] = field(default_factory=list)
    sweep: str = ""
    exported: str = ""
    outputs: int = 0

    @property
    def clips(self) -> list[Path]:
        return sorted(self.data.rglob("*.parquet"))

    def process(self, words: list[str], environment: tuple[str, ...] = ()) -> subprocess.Popen:
        ours = {"python": [], "gislr": ["-m", "gislr"], "mlflow": ["-m", "mlflow"]}
        program = [sys.executable, *ours[words[0]]] if words[0] in ours else [words[0]]
        own = {**os.environ, "PYTHONPATH": str(self.root), "MLFLOW_DISABLE_TELEMETRY": "true"}
        own.update(variable.split("=", 1) for variable in environment)
        return subprocess.Popen(
            [*program, *words[1:]],
            cwd=self.root,
            env=own,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: str, environment: tuple[str, ...] = ()) -> str:
        process = self.process(list(words), environment)
        output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, f"{' '.join(words)}\n{output[-2000:]}\n{errors[-4000:]}"
        return output

    def interrupt_a_training(self) -> None:
        process = self.process(["gislr", "train", "training.epochs=3"])
        while (line := process.stdout.readline()) and "epoch 1/3" not in line:
            pass
        process.kill()
        process.communicate()

    def newest_run(self) -> str:
        with closing(sqlite3.connect(self.root / "mlruns/mlflow.db")) as database:
            query = "SELECT run_uuid FROM runs ORDER BY start_time DESC LIMIT 1"
            return database.execute(query).fetchone()[0]

    def filled(self, shown: Shown) -> list[str]:
        """Returns a command with names of real things, made smaller."""
        self.outputs += 1
        runs = cycle(self.runs)
        values = {
            **SHORTER,
            r"sweep=RUN\b": f"sweep={self.sweep}",
            r"\bRUN\b": lambda _: next(runs),
            r"\bMODEL\b": self.runs[0],
            r"\bCLIP\b": str(self.clips[0]),
            r"\bDIR\b": str(self.data),
            r"exports/NAME\b": self.exported,
            r"\+experiments=NAME\b": "+experiments=quick",
            r"experiment=NAME\b": "experiment=gislr",
            r"output=FOLDER\b": f"output={self.root / 'build' / str(self.outputs)}",
            r"\bFOLDER\b": str(self.clips[0].parent),
        }
        words = list(shown.words)
        for placeholder, value in values.items():
            words = [re.sub(placeholder, value, word) for word in words]
        if words[:2] == ["gislr", "cross_validate"]:
            given = " ".join(words)
            words += [w for w in ("split.folds=2", "seed=0") if w.split("=")[0] not in given]
        return words


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("docs") / "project"
    for name in ("gislr", "hydra_plugins", "conf", "experiments", "tests/data"):
        shutil.copytree(
            ROOT / name, root / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, root)
    for name, values in SMALL_FILES.items():
        text = (root / name).read_text()
        for key, value in values.items():
            text, count = re.subn(
                rf"^( *{key}:) [^#\n]*", rf"\1 {value} ", text, flags=re.MULTILINE
            )
            assert count == 1, f"{name} has {count} {key}"
        (root / name).write_text(text)
    for path in (root / "experiments").glob("*.yaml"):
        text = re.sub(r"(?m)^( +epochs:) \d+", r"\1 1", path.read_text())
        path.write_text(re.sub(r"(?m)^( +n_trials:) \d+", r"\1 2", text))
    for block in blocks("yaml"):
        if block.title and block.title.startswith("experiments/"):
            (root / block.title).write_text(block.text)
    data = write_folder(tmp_path_factory.mktemp("data") / "asl-signs", separable_clips(signers=5))
    made = Project(root, data)
    own = ("data=asl_signs", f"data.root={data}")
    for seed in range(3):
        made.run("gislr", "train", *own, f"seed={seed}")
        made.runs.append(made.newest_run())
    return made


@pytest.fixture(scope="session")
def released(project):
    """The same with a sweep, a champion and an exported model."""
    own = ("data=asl_signs", f"data.root={project.data}")
    project.run("gislr", "sweep", *own, "seed=range(7,9)", "+experiments=quick")
    with closing(sqlite3.connect(project.root / "mlruns/mlflow.db")) as database:
        query = "SELECT run_uuid FROM tags WHERE key = 'sweep'"
        [(project.sweep,)] = database.execute(query).fetchall()
    project.run("gislr", "final", f"run={project.runs[0]}", "promote=true")
    project.run("gislr", "export", f"run={project.runs[0]}", "precisions=[float32]", "clips=8")
    [model] = (project.root / "exports").rglob("model.tflite")
    project.exported = str(model.parent.relative_to(project.root))
    return project


@pytest.mark.slow
@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("shown", COMMANDS_SHOWN, ids=str)
def test_every_command_that_is_shown_runs(shown, released):
    for part, reason in NOT_RUN.items():
        if part in str(shown):
            pytest.skip(reason)
    if "CLIP.mp4" in str(shown) and not (mediapipe.folder() / "ready").is_file():
        pytest.skip(f"needs {mediapipe.SETUP}; test_video.py runs it there")
    words = released.filled(shown)
    if "resume=last" in words:
        released.interrupt_a_training()
    if words[0] == "make":
        # The rest of make would run these tests again, or takes long: its recipes are printed.
        how = [] if words == ["make", "train"] else ["--dry-run"]
        released.run("make", "--assume-old=setup", f"RUN={sys.executable}", *how, *words[1:])
    elif (server := " ".join(words[:2])) in SERVERS:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        words += SERVERS[server].format(port).split()
        answers_and_ends(released.process(words, shown.environment), port)
    else:
        released.run(*words, environment=shown.environment)


def answers_and_ends(process: subprocess.Popen, port: int) -> None:
    """Waits for a server's first answer, then interrupts it."""
    path = "ping" if "models" in process.args else ""
    for _ in range(240):
        assert process.poll() is None, process.communicate()
        time.sleep(0.5)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
                assert answer.status == 200
                break
        except OSError:
            continue
    else:
        pytest.fail("the server gave no answer")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


@pytest.mark.slow
@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize(
    "block", [b for b in blocks("python") if not b.title], ids=lambda b: b.page
)
def test_every_python_example_runs(block, released):
    done = subprocess.run(
        [sys.executable, "-c", block.text],
        cwd=released.root,
        env={**os.environ, "PYTHONPATH": str(released.root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.slow
@pytest.mark.xdist_group("docs")
def test_the_examples_of_the_python_interface_run(released):
    text = "import doctest, gislr; print(doctest.testmod(gislr, optionflags=doctest.ELLIPSIS))"
    assert "failed=0" in released.run("python", "-c", text)
