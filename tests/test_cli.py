"""The console script `gislr`: its help, its arguments, completion, and what starts it."""

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import gislr as package
from gislr.cli.arguments import hydra_arguments
from gislr.cli.commands import COMMANDS
from gislr.cli.completion import SCRIPTS, candidates
from gislr.config.composition import compose
from gislr.utils.errors import SettingError
from gislr.utils.paths import config_folder, project_root
from tests.commands import TINY, gislr_here

OWN = [name for name, command in COMMANDS.items() if not command.stands_for]


def gislr(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "gislr", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=240, **options,
    )  # fmt: skip


def test_help_lists_every_command_in_its_group():
    done = gislr("--help")
    assert done.returncode == 0
    for command in COMMANDS.values():
        assert f"\n{command.group}:\n" in done.stdout
        assert f"\n  {command.name:<14}  {command.summary}\n" in done.stdout
    assert gislr().stdout == done.stdout


@pytest.mark.parametrize("name", OWN)
def test_every_command_is_a_module_a_yaml_and_a_function(name):
    is_package = find_spec(f"gislr.{name}").submodule_search_locations
    assert not is_package or find_spec(f"gislr.{name}.__main__")
    function = COMMANDS[name].workflow
    workflow = project_root() / "gislr/workflows" / f"{function}.py"
    assert f"\ndef {function}(config: DictConfig" in workflow.read_text()
    assert "gislr.cli" not in workflow.read_text()
    assert compose(name).tracking.experiment == "gislr"
    text = (config_folder() / f"{name}.yaml").read_text()
    assert f"\n#   gislr {name}" in text, "an example"
    assert "tracking:" not in text, "stands in base.yaml"


def test_no_command_parses_its_own_arguments():
    for path in (project_root() / "gislr").rglob("*.py"):
        assert "argparse" not in path.read_text(), path


def test_the_help_of_a_command_is_its_yaml():
    done = gislr("predict", "--help")
    assert done.stdout.startswith("Name the five most likely signs of clips")
    assert "gislr predict model=RUN_ID FOLDER format=json > signs.jsonl" in done.stdout
    assert "seconds: null # how long the webcam runs" in done.stdout
    assert "Groups" not in done.stdout
    done = gislr("train", "model=conv_transformer", "--help")
    assert "model          transformer, conv_transformer" in done.stdout
    assert "+experiments" in done.stdout
    assert "model: # conv_transformer" in done.stdout
    assert "landmark_units" not in done.stdout
    assert "split: # group_kfold" in gislr("cross_validate", "-h").stdout


def test_the_console_script_and_its_version():
    text = (project_root() / "pyproject.toml").read_text()
    assert tomllib.loads(text)["project"]["scripts"] == {"gislr": "gislr.cli.main:main"}
    assert gislr("--version").stdout == f"gislr {package.__version__}\n"


WRONG = {
    "trian": "gislr has no command 'trian'. Did you mean 'train'?",
    "xyz seed=1": "gislr has no command 'xyz'. gislr --help lists the commands.",
    "train --epochs=3": "--epochs is no option. Settings are written without dashes: KEY=VALUE.",
    "train --confg": "--confg is no option. Did you mean '--cfg'?",
    "predict modl=x": "modl is no setting. Did you mean 'model'?",
    "predict x.parquet": "model has no value yet; add model=VALUE.",
    "evaluate": "run has no value yet; add run=VALUE.",
    "ui data=sample": "data is no setting. ui has tracking, host, port, open.",
    "ui port=many": "port must be a whole number; got 'many'.",
    "extract": "Name a folder, a manifest, a video, webcam, or setup=true; see --help.",
    "import wlasl": "Name a set and its folder, for instance gislr import wlasl ROOT; the sets are "
    "asl_citizen, autsl, lsa64, msasl, popsign, wlasl.",
    "import wlsl .": "dataset must be one of asl_citizen, autsl, lsa64, msasl, popsign, wlasl; got "
    "'wlsl'. Did you mean 'wlasl'?",
    "predict model=x clips=[a] format=xml": "format must be one of csv, json, srt, text, vtt; got "
    "'xml'.",
    "evaluate -m run=1,2": "evaluate runs once; only train, cross_validate, learning_curve can "
    "sweep.",
    "completion": "gislr completion SHELL must be one of bash, fish, zsh; got ''.",
    "describe word": "'word' is no override; write key=value, for instance seed=1.",
}


@pytest.mark.parametrize("line", WRONG)
def test_mistakes_end_in_one_sentence(line):
    name, *arguments = line.split()
    done = gislr_here(*arguments, module=name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {WRONG[line]}\n"


@pytest.mark.parametrize(
    "name",
    ["ü ñ", "a,b", "[x]", "{a: 1}", "a=b", "null", "{}", "it's", "#3", '"', "a\\b", "a\\", "${x}"],
)
def test_bare_words_arrive_as_they_were_typed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "=" in name:
        Path(name).touch()
    arguments = hydra_arguments(COMMANDS["predict"], ["model=a/b@c", name, "x y"])
    config = compose("predict", *arguments)
    assert (config.model, list(config.clips)) == ("a/b@c", [name, "x y"])


def test_options_of_hydra_keep_their_values():
    assert hydra_arguments(COMMANDS["view"], ["--cfg", "job", "clip"]) == [
        "--cfg", "job", 'clips=["clip"]',
    ]  # fmt: skip
    with pytest.raises(SettingError, match="model must be one of conv_transformer, transformer"):
        hydra_arguments(COMMANDS["train"], ["model=3"])


def test_an_argument_may_be_longer_than_a_file_name():
    runs = f"run=[{','.join(['0123456789abcdef' * 2] * 9)}]"
    assert hydra_arguments(COMMANDS["evaluate"], [runs]) == [runs]


def test_the_configuration_of_a_sweep_is_shown_without_its_values():
    assert hydra_arguments(COMMANDS["cross_validate"], ["--cfg=job"]) == ["--cfg=job"]
    with pytest.raises(SettingError, match="leave out -m"):
        hydra_arguments(COMMANDS["train"], ["-m", "--cfg", "job", "seed=1,2"])


@pytest.mark.slow
def test_help_starts_without_hydra_and_a_configuration_without_the_workflow():
    script = (
        "import sys; sys.argv = ['gislr', *{!r}.split()]\n"
        "from gislr.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', *sorted({!r} & set(sys.modules)))"
    )
    heavy = {"numpy", "pydantic", "mlflow", "optuna", "tensorflow", "gislr.workflows.train"}
    for line, kept_out in (
        ("train --help", heavy | {"hydra", "omegaconf"}),
        ("completion candidates train mod", heavy | {"hydra", "omegaconf"}),
        ("train --cfg job", heavy),
        ("predict --cfg job", heavy),
        ("cross_validate --cfg job", heavy),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script.format(line, kept_out)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.splitlines()[-1].strip() == "LOADED", line


def test_commands_keys_and_choices_are_completed():
    assert candidates(["e"]) == ["extract", "evaluate", "experiments", "export"]
    assert candidates(["train", "model"])[0] == "model="
    assert "model.units=" in candidates(["train", "model."])
    assert "model.num_stages=" in candidates(["train", "model=conv_transformer", "model."])
    assert candidates(["train", "model=c"]) == ["model=conv_transformer"]
    assert candidates(["sweep", "split=group_k"]) == ["split=group_kfold"]
    assert candidates(["train", "+exp"]) == ["+experiments="]
    assert candidates(["train", "augmentation=[none,st"]) == ["augmentation=[none,standard"]
    assert candidates(["predict", "mo"]) == ["model="]
    assert candidates(["ui", "nothing"]) == candidates(["nothing", ""]) == []


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_completion_script_is_valid(shell, tmp_path):
    script = gislr("completion", shell).stdout
    assert "gislr completion candidates" in script
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)


@pytest.mark.parametrize(
    ("line", "found"),
    [("gislr ev", "evaluate"), ("gislr train model=c", "conv_transformer"),
     ("gislr train schedule.", "schedule.name="), ("gislr ui ho", "host=")],
)  # fmt: skip
def test_bash_completes(line, found, tmp_path):
    (tmp_path / "gislr").write_text(f'#!/bin/sh\nexec {sys.executable} -m gislr "$@"\n')
    (tmp_path / "gislr").chmod(0o755)
    test = (
        f'source <(gislr completion bash); COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; _gislr'
    )
    done = subprocess.run(
        ["bash", "-c", f'{test}; echo "${{COMPREPLY[0]}}"'],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stdout.strip() == found


@pytest.mark.slow
def test_an_installed_package_brings_its_own_yaml(tmp_path):
    (tmp_path / "my_signs/conf/model").mkdir(parents=True)
    (tmp_path / "my_signs/__init__.py").touch()
    (tmp_path / "my_signs/conf/model/mine.yaml").write_text("name: mine\nlayers: 3\n")
    (tmp_path / "my_signs-1.dist-info").mkdir()
    (tmp_path / "my_signs-1.dist-info/METADATA").write_text("Name: my-signs\nVersion: 1\n")
    (tmp_path / "my_signs-1.dist-info/entry_points.txt").write_text(
        "[gislr.conf]\nmy_signs = my_signs\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(project_root())])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = gislr("train", "model=mine", "--cfg", "job", env=environment)
    assert "model:\n  name: mine\n  layers: 3\n" in done.stdout, done.stderr
    assert "mine" in gislr("train", "--help", env=environment).stdout
    swept = gislr("sweep", "model=mine,transformer", "hydra.sweeper.dry_run=true", env=environment)
    assert "model=mine" in swept.stdout, swept.stderr


@pytest.mark.release
def test_gislr_sweep_is_gislr_train_m(workplace, client):
    done = gislr("sweep", *workplace, *TINY, "seed=1,2", "tracking.experiment=by_script")
    assert done.returncode == 0, done.stderr
    experiment = client.get_experiment_by_name("by_script")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 3
    trials = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(trials) == 2
    for run in trials:
        assert run.data.tags["mlflow.note.content"].startswith("`gislr train data=")


def test_a_command_does_not_wait_for_idle_workers_of_joblib():
    pytest.importorskip("joblib")
    program = """
import sys
from joblib.externals.loky import get_reusable_executor
from gislr.cli.hydra_app import _end

print(get_reusable_executor(max_workers=1, timeout=300).submit(abs, -1).result())
sys.orig_argv[1:] = ["-m", "gislr.train"]
_end()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "1\n"
