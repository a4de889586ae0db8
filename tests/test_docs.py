"""Every command and every Python example of README.md and docs/ runs, as it is shown."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from gislr.cli.arguments import hydra_arguments
from gislr.cli.commands import COMMANDS
from gislr.config.composition import compose
from gislr.config.configuration import read_configuration
from gislr.web.npm_packages import PACKAGES, is_fetched
from tests.documentation import PAGES, ROOT, blocks, shown_commands
from tests.small_project import SmallProject

NOT_RUN = {
    "hydra/launcher=submitit_slurm": "needs a Slurm cluster; test_launchers.py runs submitit",
    "hydra/launcher=ray": "needs a Ray cluster and gislr[ray]",
    "postgresql://": "needs a server; test_launchers.py starts one where PostgreSQL is installed",
    "import NAME": "needs a published set's files; test_importers.py writes small ones",
    "gislr extract": "needs 410 MB of MediaPipe; test_video.py runs it where it is set up",
    "VIDEO.mp4": "needs MediaPipe; test_predict.py runs it where it is set up",
    "MODEL webcam": "needs a webcam",
    "source .venv/bin/activate": "the tests choose their own interpreter",
}
"""What cannot run here, and why."""

SERVERS = {
    "gislr ui": "port={} open=false",
    "gislr demo": "port={}",
    "mlflow models": "--port {}",
}
"""What does not end by itself: started, asked once, interrupted."""

PAGES_OF_NPM = ("gislr demo", "page=true")
"""What runs only where npm has fetched what pages need."""

COMMANDS_SHOWN = shown_commands()
BY_PAGE = [
    pytest.param(shown, marks=pytest.mark.xdist_group(f"docs {shown.page}"), id=str(shown))
    for shown in COMMANDS_SHOWN
]
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "shown", [shown for shown in COMMANDS_SHOWN if set(shown.words) & set(COMMANDS)], ids=str
)
def test_every_key_that_is_shown_exists(shown):
    _, name, *words = shown.words
    name, *first = COMMANDS[name].stands_for or (name,)
    words = [word for word in words if word != "--help"]
    arguments = hydra_arguments(COMMANDS[name], [*first, *words])
    own = [a for a in arguments if "=" in a and not a.startswith(("hydra", "+hydra"))]
    # Values that no single run has.
    swept = re.compile(r"=(range|choice|interval|tag)\(|=\d+(,\w+)+$|=mine$")
    config = compose(name, *(a for a in own if not swept.search(a)))
    if COMMANDS[name].sweeps:
        read_configuration(config)


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


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    return SmallProject(tmp_path_factory.mktemp("docs"), installed=True)


@pytest.mark.documentation
@pytest.mark.parametrize("shown", BY_PAGE)
def test_every_command_that_is_shown_runs(shown, project):
    for part, reason in NOT_RUN.items():
        if part in str(shown):
            pytest.skip(reason)
    if any(part in str(shown) for part in PAGES_OF_NPM) and not is_fetched(*PACKAGES):
        pytest.skip("needs the packages that gislr demo fetches")
    words = project.fill(shown)
    if words[0] == "make":
        # The rest of make would run these tests again, or takes long: its recipes are printed.
        how = [] if words == ["make", "train"] else ["--dry-run"]
        checkout = ["make", "-C", str(project.source), "--assume-old=setup"]
        project.run(*checkout, f"RUN={sys.executable}", *how, *words[1:])
    elif (server := " ".join(words[:2])) in SERVERS:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        words += SERVERS[server].format(port).split()
        answers_and_ends(project.start(words, shown.environment), port)
    else:
        project.run(*words, environment=shown.environment)


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


@pytest.mark.documentation
@pytest.mark.xdist_group("docs README.md")
@pytest.mark.parametrize(
    "block", [b for b in blocks("python") if not b.title], ids=lambda b: b.page
)
def test_every_python_example_runs(block, project):
    if "champion" in block.text:
        assert project.champion
    assert project.run("python", "-c", block.text)


@pytest.mark.documentation
@pytest.mark.xdist_group("docs README.md")
def test_the_examples_of_the_python_interface_run(project):
    text = "import doctest, gislr; print(doctest.testmod(gislr, optionflags=doctest.ELLIPSIS))"
    assert "failed=0" in project.run("python", "-c", text)
