"""The functions of the package: `gislr.train` and its like, as a notebook calls them."""

import subprocess
import sys

import numpy as np
import pytest

import gislr
from gislr.config.composition import compose
from gislr.config.overrides import to_overrides
from gislr.utils.errors import GislrError, SettingError
from tests.commands import TINY, metric_values
from tests.test_evaluation_commands import in_one_process


def test_importing_the_package_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import gislr; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name.partition(".")[0] for name in loaded} <= {"gislr", *sys.stdlib_module_names}
    assert {name for name in loaded if name.startswith("gislr")} == {"gislr"}


@pytest.mark.parametrize("name", gislr.__all__)
def test_a_command_s_module_does_not_replace_a_function(name):
    code = (
        f"import gislr, importlib; function = gislr.{name}\n"
        "for command in ('train', 'evaluate', 'cross_validate', 'predict', 'compare'):\n"
        "    importlib.import_module(f'gislr.{command}')\n"
        f"assert gislr.{name} is function and callable(function)\n"
        "assert gislr.compare.__name__ == 'gislr.compare', 'other modules are set as ever'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_keys_are_overrides():
    keys = {
        "seed": 7,
        "model": "conv_transformer",
        "split": {"test_size": None},
        "tracking": {"run_name": 'ü "x" \\', "uri": None},
        "training": {"deterministic": False},
        "distillation": {"teachers": ["a", "b"]},
        "optimizer": {"clipnorm": 1e-5},
    }
    config = compose("train", *to_overrides(keys))
    assert config.seed == 7
    assert config.model.name == "conv_transformer"
    assert config.split.test_size is None
    assert config.tracking.run_name == 'ü "x" \\'
    assert config.training.deterministic is False
    assert config.distillation.teachers == ["a", "b"]
    assert config.optimizer.clipnorm == 1e-5


def test_what_cannot_be_used_is_an_exception():
    with pytest.raises(SettingError, match="seed must be a whole number"):
        gislr.train(seed=-1)
    with pytest.raises(SettingError, match=r"model\.unit is no setting\. Did you mean 'model\.uni"):
        gislr.train("model.unit=3")
    with pytest.raises(SettingError, match="model has no 'x'"):
        gislr.train(model="x")
    with pytest.raises(GislrError, match=r"none\.tflite"):
        gislr.load_model("none.tflite")
    with pytest.raises(GislrError, match="needs split=group_kfold; got split=none"):
        gislr.cross_validate("split=none")


@pytest.fixture(scope="module")
def trained(workplace):
    return gislr.train(*workplace, *TINY, tracking={"experiment": "api"})


@in_one_process
@pytest.mark.release
def test_a_run_is_trained_evaluated_and_opened(trained, workplace, client, asl_signs, tmp_path):
    run = client.get_run(trained.run_id)
    assert metric_values(client, run, "val_acc") == trained.history["val_acc"]
    assert run.data.tags["mlflow.note.content"].startswith("`gislr train data=asl_signs")
    scores = gislr.evaluate(trained.run_id, workplace[-1])
    assert scores == trained.scores
    assert scores["weighted_f1"] == trained.metrics["val_weighted_f1"]
    uri = workplace[-1].removeprefix("tracking.uri=")
    model = gislr.load_model(trained.run_id, tracking_uri=uri)
    clips = sorted(asl_signs.rglob("*.parquet"))
    [by_file] = gislr.predict(model, clips[0])
    [by_name] = gislr.predict(trained.run_id, [str(clips[0])], tracking_uri=uri)
    assert by_name == by_file
    everything = gislr.predict(model, asl_signs)
    assert len(everything) == 33
    noise = np.random.default_rng(0).random((5, 543, 3), np.float32)
    [prediction] = gislr.predict(model, noise)
    assert set(prediction.signs) == set(model.signs)


@in_one_process
@pytest.mark.release
def test_folds_are_put_together(workplace, client):
    result = gislr.cross_validate(
        *workplace, *TINY, "split.folds=2", "training.epochs=1", seed=0,
        tracking={"experiment": "api folds"},
    )  # fmt: skip
    assert client.get_run(result.run_id).data.metrics["cv_acc"] == result.metrics["acc"]
    low, high = result.intervals["acc"]
    assert low <= result.metrics["acc"] <= high
