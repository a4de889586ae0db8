"""The command line as a person uses it: real processes, real sqlite, real MLflow."""

import importlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml

from gislr.evaluation.metrics.calibration import at_temperature, fit_temperature
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.utils.paths import config_folder, project_root
from tests.commands import (
    TINY,
    TINY_CONVOLUTIONS,
    artifacts,
    gislr,
    gislr_here,
    metric_values,
    only_run,
    start_gislr,
    wait_for_epoch,
)


@pytest.fixture(scope="module")
def tracked(workplace, client, tmp_path_factory):
    """A training: what it printed, and its run."""
    folder = tmp_path_factory.mktemp("typed")
    arguments = [*workplace, *TINY, "tracking.experiment=tracked", "training.epochs=3"]
    done = gislr(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == [], "nothing is written where the command was typed"
    return done.stdout, only_run(client, "tracked")


@pytest.mark.slow
@pytest.mark.xdist_group("tracked")
def test_a_training_is_tracked(tracked, client, tmp_path):
    output, run = tracked
    for text in (
        "32 clips, 4 signs, 4 signers",
        "1 clips without a hand left out",
        "1 of 4 signers held out: ",
        "epoch 3/3  loss ",
        "weighted F1",
        "most confused",
        "look at it with: gislr ui tracking.uri=sqlite:///",
    ):
        assert text in output
    assert run.info.status == "FINISHED"

    parameters = run.data.params
    assert parameters["model.units"] == "16"
    assert parameters["optimizer.weight_decay"] == "0.05"
    assert parameters["seed"] == "42"

    tags = run.data.tags
    assert len(tags["data.fingerprint"]) == 64
    assert tags["git.commit"]
    assert tags["git.dirty"] in ("True", "False", "unknown")
    assert tags["version.keras"]
    assert tags["held_out"] in ("signer 100", "signer 101", "signer 102", "signer 103")
    assert tags["mlflow.note.content"].startswith("`gislr train data=asl_signs")
    [dataset] = run.inputs.dataset_inputs
    assert dataset.dataset.digest == tags["data.fingerprint"][:32]

    for name in ("loss", "acc", "top_5_acc", "top_10_acc"):
        assert len(metric_values(client, run, name)) == 3
        assert len(metric_values(client, run, f"val_{name}")) == 3
    for name in ("weighted", "macro"):
        for score in ("precision", "recall", "f1"):
            assert f"val_{name}_{score}" in run.data.metrics
    assert metric_values(client, run, "learning_rate") == pytest.approx([1e-3, 7.5e-4, 2.5e-4])
    assert min(metric_values(client, run, "clips_per_second")) > 0
    assert metric_values(client, run, "best_val_acc") == [
        max(metric_values(client, run, "val_acc"))
    ]

    root = artifacts(client, run, tmp_path / "artifacts")
    config = yaml.safe_load((root / "config.yaml").read_text())
    assert config["model"]["units"] == 16
    assert config["data"]["root"].endswith("asl signs ü")
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert {f"evaluation/{name}" for name in EVALUATION} <= names
    assert {f"statistics/{name}" for name in STATISTICS} <= names
    report = pd.read_csv(root / "evaluation/per_sign.csv")
    assert sorted(report["sign"]) == ["sign0", "sign1", "sign2", "sign3"]
    assert report["f1"].is_monotonic_increasing
    predictions = pd.read_csv(root / "evaluation/predictions.csv")
    correct = (predictions["true_sign"] == predictions["predicted_sign"]).mean()
    assert correct == pytest.approx(run.data.metrics["val_acc"], abs=1e-6)
    assert set(predictions["signer"].astype(str)) == {tags["held_out"].removeprefix("signer ")}


EVALUATION = [
    "per_sign.csv",
    "f1_by_sign.png",
    "per_signer.csv",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "most_confused.csv",
    "learning_curves.png",
]
STATISTICS = [
    *(f"{part}_{kind}.npy" for part in ("LIPS", "LEFT_HANDS", "POSE") for kind in ("MEAN", "STD")),
    *(f"landmarks_{part}.png" for part in ("lips", "hand", "pose")),
]


@pytest.mark.slow
@pytest.mark.xdist_group("tracked")
def test_the_logged_model_is_the_one_that_was_evaluated(tracked, workplace, client, tmp_path):
    import mlflow

    from gislr.data.store import open_store

    _, run = tracked
    importlib.import_module("gislr.models.serving")

    model_uri = f"runs:/{run.info.run_id}/model"
    signature = mlflow.models.get_model_info(model_uri).signature
    assert {spec.name: spec.shape for spec in signature.inputs.inputs} == {
        "frames": (-1, 64, 66, 3),
        "frame_index": (-1, 64),
    }
    model = mlflow.keras.load_model(model_uri)
    cache = workplace[2].removeprefix("preparation.cache=")
    [folder] = [p.parent for p in type(tmp_path)(cache).glob("stores/*/store.json")]
    store = open_store(folder)
    root = artifacts(client, run, tmp_path / "artifacts")
    predictions = pd.read_csv(root / "evaluation/predictions.csv")
    kept = ClipPredictions.load(root / "evaluation/probabilities.parquet")
    temperature = run.data.metrics["temperature"]
    assert temperature == pytest.approx(fit_temperature(kept), rel=1e-4)
    scaled = at_temperature(kept, temperature).probabilities.max(axis=1)
    for row, probability in zip(predictions.itertuples(), scaled, strict=True):
        clip = store.clips.paths.tolist().index(row.clip)
        rows = slice(store.offsets[clip], store.offsets[clip + 1])
        frames = np.zeros((1, 64, 66, 3), np.float32)
        index = np.full((1, 64), -1, np.float32)
        length = store.clips.lengths[clip]
        frames[0, :length], index[0, :length] = store.frames[rows], store.frame_index[rows]
        got = np.asarray(model({"frames": frames, "frame_index": index}))[0]
        assert store.signs[got.argmax()] == row.predicted_sign
        assert got.max() == pytest.approx(probability, abs=1e-5)


@pytest.mark.release
def test_the_same_seed_gives_the_same_numbers(workplace, client):
    experiments = {"same_1": 7, "same_2": 7, "other": 8}
    metrics = {}
    for experiment, seed in experiments.items():
        done = gislr(*workplace, *TINY, f"tracking.experiment={experiment}", f"seed={seed}")
        assert done.returncode == 0, done.stderr
        run = only_run(client, experiment)
        metrics[experiment] = {
            name: metric_values(client, run, name)
            for name in run.data.metrics
            if name != "clips_per_second"
        }
    assert metrics["same_1"] == metrics["same_2"]
    assert metrics["same_1"]["loss"] != metrics["other"]["loss"]
    assert "val_weighted_f1" in metrics["same_1"]


EXPERIMENTS = sorted(path.stem for path in (project_root() / "experiments").glob("*.yaml"))
TRAININGS = [name for name in EXPERIMENTS if not name.startswith("sweep_")]


@pytest.mark.release
@pytest.mark.parametrize("name", TRAININGS)
def test_every_experiment_runs_when_shrunk(name, workplace, client):
    text = (project_root() / "experiments" / f"{name}.yaml").read_text()
    tiny = TINY_CONVOLUTIONS if "override /model: conv_transformer" in text else TINY
    done = gislr(
        f"+experiments={name}", *workplace, *tiny, f"tracking.experiment=experiment_{name}"
    )
    assert done.returncode == 0, done.stderr
    run = only_run(client, f"experiment_{name}")
    assert run.info.status == "FINISHED"
    assert run.data.tags["experiment"] == name


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_opens_with_what_it_is_its_command_and_what_it_stands_against(name):
    text = (project_root() / "experiments" / f"{name}.yaml").read_text()
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert any(f"gislr train +experiments={name}" in line for line in head)
    assert any("ublished" in line for line in head)


@pytest.mark.release
def test_the_reference_s_quirks_and_bfloat16_can_be_asked_for(workplace, client):
    done = gislr(
        *workplace,
        *TINY,
        "tracking.experiment=quirks",
        "model.attention_mask=queries",
        "model.mask_at_inference=true",
        "optimizer=adamw_unscaled_decay",
        "schedule=cosine_warmup",
        "training.precision=mixed_bfloat16",
    )
    assert done.returncode == 0, done.stderr
    assert only_run(client, "quirks").info.status == "FINISHED"


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", ["SIGTERM", "SIGKILL", pytest.param("SIGINT", marks=pytest.mark.release)]
)
def test_a_killed_run_says_so(how, workplace, client):
    arguments = [*workplace, *TINY, f"tracking.experiment=killed_{how}"]
    process = start_gislr(*arguments, "training.epochs=100000")
    wait_for_epoch(process)
    process.send_signal(getattr(signal, how))
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 60
    assert "Traceback" not in errors
    if how == "SIGKILL":
        from gislr.tracking.run import mark_vanished

        run = only_run(client, f"killed_{how}")
        assert run.info.status == "RUNNING"
        mark_vanished(client, run.info.experiment_id)
    else:
        assert process.returncode == 130
        assert "gislr train resume=" in errors
    run = only_run(client, f"killed_{how}")
    assert run.info.status == "KILLED"
    assert run.data.tags["gislr.reason"]


@pytest.mark.slow
def test_a_failed_run_says_so(workplace, client, tmp_path):
    done = gislr_here(
        *workplace,
        *TINY,
        "tracking.experiment=failed",
        "split=none",
        "optimizer.learning_rate=1e30",
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: The loss must stay a number")
    run = only_run(client, "failed")
    assert run.info.status == "FAILED"
    assert run.data.tags["gislr.reason"].startswith("TrainingDiverged: The loss must stay")
    listed = artifacts(client, run, tmp_path) / "diverged_clips.txt"
    assert 0 < len(listed.read_text().splitlines()) <= 16


@pytest.mark.release
def test_everything_that_makes_training_harder_works_together(workplace, client):
    done = gislr(
        *workplace, *TINY_CONVOLUTIONS, "model=conv_transformer", "preprocessing=whole",
        "model.centering=nose", "model.distances=true", "model.classifier_dropout_start_epoch=1",
        "augmentation=[standard,mirroring]",
        "batches.class_balance=0.5", "optimizer=adamw_rectified", "optimizer.ema_momentum=0.9",
        "arcface.weight=0.2", "awp.epsilon=0.1", "awp.start_epoch=1",
        "training.swa_epochs=1", "tracking.experiment=everything",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert np.isfinite(only_run(client, "everything").data.metrics["val_loss"])


@pytest.mark.release
def test_a_model_learns_from_others_that_held_out_the_same_signers(workplace, client):
    fold = ["split=group_kfold", "split.folds=2"]
    first = gislr(*workplace, *TINY, "tracking.experiment=teacher", *fold, "split.fold=0")
    assert first.returncode == 0, first.stderr
    teacher = only_run(client, "teacher").info.run_id
    learning = [
        *workplace, *TINY_CONVOLUTIONS, "model=conv_transformer", "preprocessing=whole",
        f"distillation.teachers=[{teacher}]",
        "tracking.experiment=student", *fold,
    ]  # fmt: skip
    done = gislr(*learning, "split.fold=0")
    assert done.returncode == 0, done.stderr
    assert np.isfinite(only_run(client, "student").data.metrics["loss"])
    leaking = gislr(*learning, "split.fold=1")
    assert leaking.returncode == 2
    last = leaking.stderr.splitlines()[-1]
    assert last.startswith("error: distillation.teachers must not know the clips held out;")


WRONG = {
    "model.unit=3": "error: model.unit is no setting. Did you mean 'model.units'?",
    "modle=transformer": "error: modle is no setting. Did you mean 'model'?",
    "model=transfomer": "error: model has no 'transfomer'. model can be conv_transformer, "
    "transformer. Did you mean 'transformer'?",
    "model=conv_transformer model.landmark_units=8": "error: model.landmark_units is no setting of "
    "the model that was chosen; --cfg job shows its keys.",
    "model.units=many": "error: model.units must be a whole number; got 'many'.",
    "model.attention_mask=keyz": "error: model.attention_mask must be one of keys, queries; "
    "got 'keyz'. Did you mean 'keys'?",
    "data=asl_signs": "error: data.root has no value yet; add data.root=VALUE.",
    "nonsense": "error: 'nonsense' is no override; write key=value, for instance seed=1.",
    f"{'no' * 99}": f"error: '{'no' * 50}' is no override; write key=value, for instance seed=1.",
    "seed=1 =64": "error: '=64' is no override; write key=value, for instance seed=1.",
    "model@a=3": "error: model must be one of conv_transformer, transformer; got '3'.",
    "~seed": "error: seed must be a whole number from 0 to 4294967295; got None.",
    "~loss": "error: loss must be a section, whose keys are written as loss.KEY=VALUE; got None.",
    "seed=-1": "error: seed must be a whole number from 0 to 4294967295; got -1.",
    "+experiments=quik": "error: experiments has no 'quik'. experiments can be "
    + ", ".join(EXPERIMENTS)
    + ". Did you mean 'quick'?",
}


@pytest.mark.parametrize("override", WRONG)
def test_what_was_meant_is_said_in_one_line(override):
    done = gislr_here(*override.split())
    assert done.returncode == 2
    assert done.stderr.strip() == WRONG[override]
    assert done.stdout == ""


def test_problems_of_the_data_are_lines_without_a_traceback(tmp_path):
    (tmp_path / "train.csv").write_text("path,participant_id,sequence_id,sign\nx.parquet,1,2,a\n")
    (tmp_path / "sign_to_prediction_index_map.json").write_text('{"b": 0}')
    done = gislr_here("data=asl_signs", f"data.root={tmp_path}")
    assert done.returncode == 2
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == [
        "Signs that the label map does not hold",
        "Missing files",
    ]


def test_help_and_the_configuration_come_without_the_heavy_packages():
    script = (
        "import sys, runpy; sys.argv = ['gislr.train', {!r}]\n"
        "try: runpy.run_module('gislr.train', run_name='__main__', alter_sys=True)\n"
        "except SystemExit: pass\n"
        "heavy = {{'tensorflow', 'keras', 'mlflow', 'matplotlib', 'pandas', 'sklearn'}}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    for flag, expected in (
        ("--help", "sample, arrays, asl_signs"),
        ("--cfg=job", "units: 512"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script.format(flag)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert expected in done.stdout
        assert done.stdout.rstrip().endswith("LOADED []")


def test_every_yaml_says_what_it_is():
    for path in config_folder().rglob("*.yaml"):
        assert path.read_text().startswith("#"), path


@pytest.mark.slow
def test_a_path_with_an_umlaut_is_read_in_the_locale_c(asl_signs, tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gislr.prepare", "data=asl_signs", f"data.root={asl_signs}"),
            *(f"preparation.cache={tmp_path / 'ü'}", "preparation.workers=2"),
        ],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "ü/stores").glob("*/store.json"))
