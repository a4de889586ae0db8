"""Commands around evaluation, on trainings made for them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from gislr.cli.arguments import with_folds
from gislr.config.composition import compose
from gislr.data.kaggle_folder import read_asl_signs
from gislr.data.label_map import LABEL_MAP, read_label_map
from gislr.data.landmarks import LEFT_HAND
from gislr.data.preparation import prepare_clips
from gislr.data.preprocessing import reference
from gislr.evaluation.figures import clip_figures
from gislr.evaluation.metrics.calibration import at_temperature
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.reports.data_page import suspect_clips
from gislr.evaluation.reports.page import Page, Section
from gislr.utils.errors import SettingError
from gislr.workflows.compare import compare
from gislr.workflows.experiments import rewritten
from gislr.workflows.view import view_clip
from tests.commands import TINY, artifacts, gislr, only_run, sweep_runs
from tests.conftest import landmarks_of, write_folder

in_one_process = pytest.mark.xdist_group("validated")
"""Tests that share a cross-validation, which is made once for each process of tests."""


@pytest.fixture(scope="module")
def validated(workplace, client):
    """A cross-validation of 2 folds and 2 seeds: its output, parent run and children."""
    done = gislr(
        *workplace,
        *TINY,
        "training.epochs=1",
        "tracking.experiment=validated",
        "split.folds=2",
        "hydra.sweeper.n_jobs=2",
        module="cross_validate",
    )
    assert done.returncode == 0, done.stderr
    [parent], children = sweep_runs(client, "validated")
    return done.stdout, parent, children


@in_one_process
@pytest.mark.release
def test_a_cross_validation_is_pooled(validated, client, tmp_path):
    output, parent, children = validated
    assert "32 clips of 4 signers, each held out once; mean of 2 seeds" in output
    assert "4 signers are too few for these intervals" in output
    assert {(r.data.tags["fold"], r.data.tags["seed"]) for r in children} == {
        (fold, seed) for fold in "01" for seed in "01"
    }
    assert parent.data.metrics["cv_acc_low"] <= parent.data.metrics["cv_acc"]
    root = artifacts(client, parent, tmp_path)
    per_fold = pd.read_csv(root / "per_fold.csv").set_index(["fold", "seed"])
    assert len(per_fold) == 4
    for run in children:
        row = per_fold.loc[int(run.data.tags["fold"]), int(run.data.tags["seed"])]
        assert row["loss"] == pytest.approx(run.data.metrics["val_loss"], abs=1e-6)
    assert (root / "per_signer.csv").read_text().count("\n") == 5
    assert sorted(p.name for p in (root / "out_of_fold").iterdir()) == [
        "seed_0.parquet",
        "seed_1.parquet",
    ]


@in_one_process
@pytest.mark.release
def test_a_logged_model_evaluates_to_the_last_digit(validated, workplace, tmp_path):
    _, _, children = validated
    done = gislr(
        f"run={children[0].info.run_id}",
        workplace[-1],
        f"output={tmp_path / 'again'}",
        module="evaluate",
    )
    assert done.returncode == 0, done.stderr
    assert "equals the logged metrics" in done.stdout
    page = (tmp_path / "again/report.html").read_text()
    assert "Most confident errors" in page
    assert "Plotly.newPlot" in page
    assert f"{children[0].data.metrics['val_loss']:.4g}" in page
    same_fold = [r.info.run_id for r in children if r.data.tags["fold"] == "0"]
    done = gislr(f"run=[{','.join(same_fold)}]", workplace[-1], module="evaluate")
    assert "the probabilities of 2 models, averaged" in done.stdout
    others = [next(r.info.run_id for r in children if r.data.tags["fold"] == k) for k in "01"]
    done = gislr(f"run=[{','.join(others)}]", workplace[-1], module="evaluate")
    assert done.returncode == 2
    assert "must know the same signs and hold out the same clips" in done.stderr


@in_one_process
@pytest.mark.release
def test_clips_of_unknown_signs_are_told_from_the_known_ones(
    validated, workplace, asl_signs, tmp_path
):
    _, _, children = validated
    run, others = children[0], tmp_path / "others"
    shutil.copytree(asl_signs, others)
    *_, last = read_label_map(asl_signs / LABEL_MAP)
    for name in ("train.csv", LABEL_MAP):
        (others / name).write_text((others / name).read_text().replace(last, "a new sign"))
    uri, folder = workplace[-1], f"output={tmp_path / 'found'}"
    data = ("data=asl_signs", f"data.root={others}", "split=val")
    done = gislr(f"run={run.info.run_id}", uri, folder, *data, module="evaluate")
    assert done.returncode == 0, done.stderr
    assert "of 1 sign that the model does not know: a new sign" in done.stdout
    threshold = run.data.metrics["rejection_threshold"]
    assert 0 < threshold < 1
    assert f"not sure below a probability of {threshold:.3f}" in done.stdout
    assert "AUROC of known against unknown signs" in done.stdout
    assert "AUROC" in (tmp_path / "found/report.html").read_text()


@in_one_process
@pytest.mark.release
def test_the_report_of_a_trial_is_drawn_on_demand(validated, workplace, client, tmp_path):
    _, _, children = validated
    before = artifacts(client, children[2], tmp_path / "before")
    assert sorted(path.name for path in (before / "evaluation").iterdir()) == [
        "probabilities.parquet"
    ]
    done = gislr(f"run={children[2].info.run_id}", workplace[-1], module="report")
    assert done.returncode == 0, done.stderr
    after = artifacts(client, children[2], tmp_path / "after")
    assert {"report.html", "learning_curves.png", "per_sign.csv", "confusion_matrix.png"} <= {
        path.name for path in (after / "evaluation").iterdir()
    }
    assert (after / "statistics").is_dir()
    assert client.get_run(children[2].info.run_id).outputs.model_outputs, "MLflow's model"


@pytest.mark.release
def test_a_report_that_is_drawn_again_is_the_same(workplace, client, tmp_path):
    done = gislr(
        *workplace, *TINY, "tracking.experiment=again", "training.clips_per_sign=2", "seed=3"
    )
    assert done.returncode == 0, done.stderr
    run = only_run(client, "again")
    before = artifacts(client, run, tmp_path / "before")
    done = gislr(f"run={run.info.run_id}", workplace[-1], module="report")
    assert done.returncode == 0, done.stderr
    assert "has its report: evaluation/" in done.stdout
    after = artifacts(client, run, tmp_path / "after")
    tables = sorted(path.relative_to(before) for path in before.rglob("*.csv"))
    assert len(tables) > 3
    arrays = sorted(path.relative_to(before) for path in (before / "statistics").rglob("*.npy"))
    for name in [*tables, *arrays]:
        assert (after / name).read_bytes() == (before / name).read_bytes(), name
    assert {path.name for path in (before / "statistics").iterdir()} == {
        path.name for path in (after / "statistics").iterdir()
    }


@in_one_process
@pytest.mark.release
def test_runs_are_compared(validated, workplace, client, tmp_path):
    _, parent, children = validated

    def compare_runs(*runs, average_seeds=False):
        flag = f"average_seeds={average_seeds}"
        named = [f"'{run}'" for run in runs]
        return compare(compose("compare", workplace[-1], flag, f"runs=[{','.join(named)}]"))

    same_fold = [r.info.run_id for r in children if r.data.tags["fold"] == "0"]
    text = compare_runs(*same_fold)
    assert "| seed | 0 | 1 |" in text
    assert "2 signers are too few for a verdict" in text
    averaged = compare_runs(parent.info.run_id, "+".join([parent.info.run_id] * 2))
    assert "| +0.0000 |" in averaged, "a model averaged with itself is no better"
    assert "| 2 |" in averaged
    one = compare_runs(*[parent.info.run_id] * 2, average_seeds=True)
    assert "| 2 |" not in one.split("difference")[0]
    with pytest.raises(SettingError, match="as many seeds each; got 2, 1"):
        compare_runs(same_fold[0], f"{parent.info.run_id}+{same_fold[0]}")
    found = client.search_runs([parent.info.experiment_id], "attributes.run_name = 'comparison'")
    names = {path.name for path in artifacts(client, found[0], tmp_path).rglob("*")}
    assert {
        "comparison.md",
        "comparison.html",
        "calibration.png",
        "per_class_difference_1.png",
    } <= names
    with pytest.raises(SettingError, match="at least two runs; got 1"):
        compare_runs(parent.info.run_id)


@in_one_process
@pytest.mark.release
def test_a_final_run_rests_on_its_evidence(validated, workplace, client, tmp_path):
    _, parent, _ = validated
    uri = workplace[-1]
    done = gislr(
        f"run={parent.info.run_id}", uri, "tracking.experiment=final", "seed=5", module="final"
    )
    assert done.returncode == 0, done.stderr
    assert f"rests on run {parent.info.run_id}" in done.stdout
    found = client.get_experiment_by_name("final")
    [run] = client.search_runs([found.experiment_id])
    assert run.data.tags["evidence.run_id"] == parent.info.run_id
    assert run.data.tags["held_out"] == "none"
    assert (run.data.params["seed"], run.data.params["training.epochs"]) == ("5", "1")
    assert run.data.metrics["evidence_cv_acc"] == parent.data.metrics["cv_acc"]
    names = {path.name for path in artifacts(client, run, tmp_path).rglob("*")}
    assert {"evidence.json", "model.weights.h5", "LIPS_MEAN.npy", "config.yaml"} <= names
    assert client.get_model_version("gislr", "1").run_id == run.info.run_id


@in_one_process
@pytest.mark.release
def test_a_run_is_reproduced_to_the_last_digit(validated, workplace, client):
    _, _, children = validated
    run = children[-1]  # which no other test reads
    done = gislr(
        f"run={run.info.run_id}", workplace[-1], "tracking.experiment=again", module="reproduce"
    )
    assert done.returncode == 0, done.stderr
    assert "metrics of every epoch are the same" in done.stdout
    client.log_metric(run.info.run_id, "val_acc", 0.123, step=9)
    client.set_tag(run.info.run_id, "version.keras", "0.1")
    done = gislr(
        f"run={run.info.run_id}", workplace[-1], "tracking.experiment=again", module="reproduce"
    )
    assert done.returncode == 2
    assert "version.keras: 0.1, now" in done.stdout
    assert "1 of" in done.stderr
    assert "val_acc 0.123, now" in done.stderr


@in_one_process
@pytest.mark.release
def test_clips_are_predicted_as_they_were_validated(
    validated, workplace, client, asl_signs, tmp_path
):
    _, _, children = validated
    clips = asl_signs / "train_landmark_files"
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1")
    uri = workplace[-1].removeprefix("tracking.uri=")
    done = gislr(
        f"model={children[0].info.run_id}",
        clips,
        broken,
        "format=json",
        f"tracking.uri={uri}",
        module="predict",
    )
    assert done.returncode == 2
    assert f"error: {broken}: unreadable files." in done.stderr
    found = {entry["file"]: entry for entry in map(json.loads, done.stdout.splitlines())}
    assert len(found) == 33
    assert sum(not entry["has_hand"] for entry in found.values()) == 1
    root = artifacts(client, children[0], tmp_path / "artifacts")
    validated_on = ClipPredictions.load(root / "evaluation/probabilities.parquet")
    calibrated = at_temperature(validated_on, children[0].data.metrics["temperature"])
    for k, clip in enumerate(validated_on.clips):
        entry = found[str(asl_signs / clip)]
        of_best = calibrated.probabilities[k].max()
        assert entry["probabilities"][0] == pytest.approx(of_best, abs=1e-5)


def test_a_cross_validation_holds_out_every_fold():
    assert with_folds(["split.folds=3"]) == [
        "-m", "split.folds=3", "seed=range(0,2)", "split.fold=range(0,3)",
    ]  # fmt: skip
    assert with_folds(["seed=7"])[1] == "seed=range(7,8)"
    for argument in ("split=group_shuffle", "split.fold=1"):
        with pytest.raises(SettingError, match="A cross-validation"):
            with_folds([argument])


def test_suspect_clips_are_listed_with_their_problem(tmp_path):
    frozen = np.repeat(landmarks_of(1, seed=1), 4, axis=0)
    frozen[:, LEFT_HAND[3]] = np.nan  # of missing landmarks nothing is known
    outside = landmarks_of(4, seed=2)
    outside[:, LEFT_HAND] += 1
    clips = [
        ("1", "a", landmarks_of(4)),
        ("2", "b", frozen),
        ("3", "c", outside),
        ("4", "d", landmarks_of(1)),
        ("5", "e", landmarks_of(4, hand=None)),
    ]
    root = write_folder(tmp_path / "raw", clips)
    store = prepare_clips(
        read_asl_signs(root), settings=reference(64), cache=tmp_path / "cache", workers=1
    )
    table = suspect_clips(store).set_index("sign")["problem"].to_dict()
    assert table == {
        "b": "frozen",
        "c": "hand outside the image",
        "d": "one frame",
        "e": "no hand",
    }


@pytest.mark.slow
def test_a_clip_is_drawn(asl_signs, tmp_path):
    clip = next((asl_signs / "train_landmark_files").rglob("*.parquet"))
    gif, html, png = view_clip(clip, tmp_path)
    assert gif.read_bytes()[:3] == b"GIF"
    assert "<script" in html.read_text()
    assert png.read_bytes()[1:4] == b"PNG"


def test_a_clip_without_anything_is_drawn_too():
    nothing = np.full((2, 543, 3), np.nan, np.float32)
    assert len(clip_figures.strip({"": nothing}, "nothing").axes) == 2
    gif, _ = clip_figures.animation(landmarks_of(1), "one frame")
    assert gif[:3] == b"GIF"


@pytest.mark.parametrize("hand", ["left", "right"])
def test_what_is_kept_of_a_clip_is_drawn_where_it_was(hand, tmp_path):
    raw = landmarks_of(4, hand=hand)
    root = write_folder(tmp_path / "raw", [("1", "a", raw)])
    store = prepare_clips(
        read_asl_signs(root), settings=reference(64), cache=tmp_path / "cache", workers=1
    )
    kept = clip_figures.kept_landmarks(store, 0)
    rows = np.flatnonzero(np.isfinite(kept[0, :, 0]))
    assert len(rows) == 66
    np.testing.assert_allclose(kept[:, rows], raw[:, rows], atol=1e-6)


def test_pages_escape_what_they_are_given():
    table = pd.DataFrame([["<script>alert(1)</script>", 1.5]], columns=["<b>", "value"])
    text = Page("<i>title", "<u>", [Section("<s>", "<q>", tables=[table])]).html()
    for raw in ("<script>alert", "<b>", "<i>", "<u>", "<s>", "<q>"):
        assert raw not in text
    assert "&lt;script&gt;alert(1)" in text


def test_only_the_measured_column_is_written_anew():
    before = (
        "# Experiments\n\n| experiment | command | published |\n|---|---|---|\n"
        "| [quick](quick.yaml) | `run` | none |\n| [other](o.yaml) | `o` | 1 |\n\nAfter.\n"
    )
    once = rewritten(before, {"quick": "F1 0.5"})
    assert "| [quick](quick.yaml) | `run` | none | F1 0.5 |" in once
    assert "| [other](o.yaml) | `o` | 1 | - |" in once
    assert once.endswith("\nAfter.\n")
    assert rewritten(once, {"quick": "F1 0.5"}) == once
    more = rewritten(once, {"quick": "F1 0.5", "mine": "F1 0.6"})
    assert "| 1 | - |\n| mine | `gislr train +experiments=mine` | - | F1 0.6 |\n\nAfter." in more
    assert rewritten(more, {"quick": "F1 0.5", "mine": "F1 0.6"}) == more
    assert rewritten(more, {}) == more, "what has no runs keeps what was measured"
