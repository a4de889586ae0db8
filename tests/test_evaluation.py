from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gislr.utils.registry
from gislr.config.sweep_settings import direction
from gislr.evaluation.metrics import scores as scoring
from gislr.evaluation.metrics.classification import rank_of_true_sign
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.confusion import confusion_matrix, most_confused
from gislr.evaluation.metrics.folds import cross_validation
from gislr.evaluation.metrics.scores import METRICS, lower_is_better, score, score_names
from gislr.evaluation.metrics.tables import per_clip, per_sign, per_signer
from gislr.evaluation.reports.report_files import Report
from gislr.utils.errors import GislrError, SettingError

SIGNS = ["airplane", "bee", "cow", "dog"]
# airplane: 2 right, 1 predicted as bee; bee: 1 right, 2 as cow; cow: 0 of 1 right, 1 as dog.
LABELS = np.array([0, 0, 0, 1, 1, 1, 2], np.int32)
PREDICTED = np.array([0, 0, 1, 1, 2, 2, 3])
PROBABILITIES = np.full((7, 4), 0.1, np.float32)
PROBABILITIES[np.arange(7), PREDICTED] = 0.7
SIGNERS = np.array(["b", "a", "a", "b", "b", "a", "a"])
CLIPS = [f"clips/{number}.parquet" for number in range(7)]


def clip_predictions(labels, probabilities, signs, signers=None, clips=None) -> ClipPredictions:
    frames = np.ones(len(labels), np.int64)
    return ClipPredictions(
        clips=np.array([str(k) for k in range(len(labels))] if clips is None else clips),
        signers=np.array(["s"] * len(labels) if signers is None else signers),
        labels=labels,
        frames=frames,
        raw_frames=frames,
        probabilities=probabilities,
        signs=signs,
    )


PREDICTIONS = clip_predictions(LABELS, PROBABILITIES, SIGNS, SIGNERS, CLIPS)


def random_predictions(clips: int, signs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, signs, clips).astype(np.int32)
    return labels, rng.dirichlet(np.ones(signs), clips).astype(np.float32)


def test_scores_are_the_loss_and_the_registered_metrics_sorted():
    assert tuple(score(LABELS, PROBABILITIES)) == score_names()
    assert score_names() == (
        "loss",
        "acc",
        "balanced_acc",
        "macro_f1",
        "macro_precision",
        "macro_recall",
        "top_10_acc",
        "top_5_acc",
        "weighted_f1",
        "weighted_precision",
        "weighted_recall",
    )
    assert [name for name in score_names() if lower_is_better(name)] == ["loss"]


def test_a_metric_of_another_package_is_scored_and_swept(monkeypatch):
    class EntryPoint:
        def load(self) -> None:
            @scoring.metric("errors", lower_is_better=True)
            def errors(labels, probabilities):
                return float((probabilities.argmax(axis=1) != labels).sum())

    def entry_points(group: str, name: str = "errors") -> list[EntryPoint]:
        return [EntryPoint()] if (group, name) == ("gislr.metric", "errors") else []

    monkeypatch.setattr(gislr.utils.registry, "entry_points", entry_points)
    monkeypatch.setattr(METRICS, "_entries", dict(METRICS._entries))
    assert PREDICTIONS.score()["errors"] == 4
    assert PREDICTIONS.score("errors") == {"errors": 4}
    assert direction("val_errors") == "minimize"


def test_unknown_metrics_are_refused():
    with pytest.raises(SettingError, match=r"metric.name must be one of .*; got 'acuracy'"):
        PREDICTIONS.score("acuracy")


def test_scores_by_hand():
    scores = score(LABELS, PROBABILITIES)
    assert scores["acc"] == pytest.approx(3 / 7)
    # Averaged over airplane, bee and cow; dog has no clips.
    assert scores["balanced_acc"] == pytest.approx((2 / 3 + 1 / 3 + 0) / 3)
    assert scores["macro_recall"] == scores["balanced_acc"]
    assert scores["macro_precision"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert scores["macro_f1"] == pytest.approx((4 / 5 + 2 / 5 + 0) / 3)
    assert scores["weighted_precision"] == pytest.approx((3 * 1 + 3 / 2 + 0) / 7)
    assert scores["weighted_recall"] == pytest.approx(3 / 7)
    assert scores["weighted_f1"] == pytest.approx((3 * 4 / 5 + 3 * 2 / 5 + 0) / 7)
    assert scores["top_5_acc"] == scores["top_10_acc"] == 1
    assert scores["loss"] == pytest.approx(-(3 * np.log(0.7) + 4 * np.log(0.1)) / 7)


def test_smoothed_loss_by_hand():
    labels = np.array([0], np.int32)
    probabilities = np.array([[0.5, 0.3, 0.2]], np.float32)
    targets = np.array([0.7 + 0.1, 0.1, 0.1])
    expected = -(targets * np.log([0.5, 0.3, 0.2])).sum()
    assert score(labels, probabilities, 0.3)["loss"] == pytest.approx(expected, rel=1e-6)


def test_loss_of_impossible_sign_is_clipped():
    probabilities = np.array([[1, 0], [1, 0]], np.float32)
    labels = np.array([0, 1], np.int32)
    expected = -(np.log(1 - 1e-7) + np.log(1e-7)) / 2
    assert score(labels, probabilities)["loss"] == pytest.approx(expected, rel=1e-9)


def test_constant_prediction_is_right_only_about_the_first_signs():
    labels = np.arange(20, dtype=np.int32)
    scores = score(labels, np.full((20, 20), 0.05, np.float32))
    assert (scores["acc"], scores["top_5_acc"], scores["top_10_acc"]) == (1 / 20, 5 / 20, 10 / 20)


def test_score_leaves_its_input_alone():
    before = PROBABILITIES.copy()
    score(LABELS, PROBABILITIES, 0.1)
    np.testing.assert_array_equal(PROBABILITIES, before)


@given(st.integers(1, 40), st.integers(2, 15), st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_rank_is_the_place_in_the_sorted_signs(clips: int, signs: int, seed: int):
    labels, probabilities = random_predictions(clips, signs, seed)
    rounded = probabilities.round(1)
    order = np.argsort(-rounded, axis=1, kind="stable")
    expected = (order == labels[:, None]).argmax(axis=1)
    np.testing.assert_array_equal(rank_of_true_sign(labels, rounded), expected)


@given(st.integers(1, 40), st.integers(2, 15), st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_scores_are_shares_and_agree_with_each_other(clips: int, signs: int, seed: int):
    scores = score(*random_predictions(clips, signs, seed))
    assert all(0 <= scores[name] <= 1 for name in scores if name != "loss")
    assert scores["acc"] <= scores["top_5_acc"] <= scores["top_10_acc"]
    assert scores["weighted_recall"] == pytest.approx(scores["acc"])


def test_the_baseline_predicts_the_most_frequent_sign_of_the_training_clips():
    train = np.array([2, 2, 2, 0], np.int32)
    labels = np.array([0, 0, 2, 1], np.int32)
    anything = np.full((4, 4), 0.25, np.float32)
    scores = clip_predictions(labels, anything, SIGNS).baseline(train)
    assert scores["acc"] == 1 / 4
    assert scores["balanced_acc"] == pytest.approx(1 / 3)
    expected = -(2 * np.log(0.25) + np.log(0.75) + np.log(1e-7)) / 4
    assert scores["loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        (LABELS[:0], PROBABILITIES[:0], "At least one clip"),
        (LABELS[:3], PROBABILITIES, r"got \[3\] and \[7, 4\]"),
        (LABELS, PROBABILITIES[:, 0], r"\[clips, signs\]"),
        (LABELS.astype(np.float32), PROBABILITIES, "whole numbers; got float32"),
        (LABELS + 2, PROBABILITIES, "got 2 to 4"),
        (LABELS - 1, PROBABILITIES, "got -1 to 1"),
        (LABELS, np.where(PROBABILITIES > 0.5, np.nan, PROBABILITIES), "7 of 7 clips"),
        (LABELS, np.log(PROBABILITIES), "softmax"),
        (LABELS, np.zeros_like(PROBABILITIES), "add up to 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(labels, probabilities, message):
    with pytest.raises(GislrError, match=message):
        score(labels, probabilities)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_label_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(SettingError, match="label smoothing"):
        score(LABELS, PROBABILITIES, smoothing)


def test_half_precision_probabilities_are_accepted():
    labels, probabilities = random_predictions(50, 250)
    exact = score(labels, probabilities)["loss"]
    assert score(labels, probabilities.astype(np.float16))["loss"] == pytest.approx(exact, rel=1e-3)


def test_per_sign_lists_the_worst_first_and_signs_without_clips_last():
    report = per_sign(PREDICTIONS)
    assert report["sign"].tolist() == ["cow", "bee", "airplane", "dog"]
    assert report["f1"].tolist()[:3] == pytest.approx([0, 2 / 5, 4 / 5])
    assert report.loc[3, ["precision", "recall", "f1"]].isna().all()
    assert report["support"].tolist() == [1, 3, 3, 0]
    assert report["predicted"].tolist() == [2, 2, 2, 1]
    assert report["most_confused_with"].tolist() == ["dog", "cow", "bee", ""]


def test_per_signer_scores_each_signers_clips():
    report = per_signer(PREDICTIONS)
    assert report["signer"].tolist() == ["a", "b"]
    assert report["clips"].tolist() == [4, 3]
    assert report["accuracy"].tolist() == pytest.approx([1 / 4, 2 / 3])
    assert report["balanced_accuracy"].tolist() == pytest.approx([(1 / 2 + 0 + 0) / 3, 3 / 4])
    of_b = score(LABELS[SIGNERS == "b"], PROBABILITIES[SIGNERS == "b"])
    assert report.loc[1, ["weighted_f1", "macro_f1"]].tolist() == [
        of_b["weighted_f1"],
        of_b["macro_f1"],
    ]


def test_confusion_matrix_has_a_row_for_each_true_sign():
    matrix = confusion_matrix(PREDICTIONS)
    assert matrix.loc["bee", "cow"] == 2
    assert matrix.loc["cow", "bee"] == 0
    assert matrix.to_numpy().sum() == len(LABELS)
    assert list(matrix.index) == list(matrix.columns) == SIGNS


def test_most_confused_lists_mistakes_by_clips_then_share():
    pairs = most_confused(confusion_matrix(PREDICTIONS))
    assert pairs.values.tolist() == [
        ["bee", "cow", 2, pytest.approx(2 / 3)],
        ["cow", "dog", 1, 1.0],
        ["airplane", "bee", 1, pytest.approx(1 / 3)],
    ]
    assert len(most_confused(confusion_matrix(PREDICTIONS), pairs=2)) == 2


def test_the_table_of_clips_keeps_their_order():
    table = per_clip(PREDICTIONS)
    assert table["clip"].tolist() == CLIPS
    assert table.loc[4, ["signer", "true_sign", "predicted_sign"]].tolist() == ["b", "bee", "cow"]
    assert table.loc[4, ["probability", "probability_of_true_sign"]].tolist() == pytest.approx(
        [0.7, 0.1]
    )
    assert table["rank_of_true_sign"].tolist() == [1, 1, 2, 1, 3, 3, 4]


def test_arrays_of_another_length_are_refused():
    with pytest.raises(GislrError, match="7 signers, one per clip; got 2"):
        clip_predictions(LABELS, PROBABILITIES, SIGNS, SIGNERS[:2])
    with pytest.raises(GislrError, match="7 clips, one per clip; got 2"):
        clip_predictions(LABELS, PROBABILITIES, SIGNS, clips=CLIPS[:2])
    with pytest.raises(GislrError, match="got 3 names"):
        clip_predictions(LABELS, PROBABILITIES, SIGNS[:3])


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_fold_tables_have_the_loss_of_the_training(smoothing):
    predictions = dataclasses.replace(PREDICTIONS, label_smoothing=smoothing)
    expected = score(LABELS, PROBABILITIES, smoothing)["loss"]
    assert predictions.score()["loss"] == expected
    folds = cross_validation({(0, 0): predictions})
    assert folds.by_fold["loss"].tolist() == [expected]


NAMES = ["a, b", 'say "no"', "two\nlines", "$x_1$ and $5", " spaces ", "null", "élan", "x" * 300]


def test_names_survive_csv(tmp_path):
    labels, probabilities = random_predictions(40, len(NAMES))
    history = {"loss": [2.0, 1.0], "acc": [0.1, 0.2]}
    predictions = clip_predictions(
        labels, probabilities, NAMES, clips=[f"{number}, of 40" for number in range(40)]
    )
    Report.of(predictions, history).write(tmp_path / "new" / "folder")
    written = {path.name for path in (tmp_path / "new" / "folder").iterdir()}
    assert written == {
        "per_sign.csv",
        "f1_by_sign.png",
        "per_signer.csv",
        "confusion_matrix.csv",
        "confusion_matrix.png",
        "most_confused.csv",
        "predictions.csv",
        "learning_curves.png",
    }

    def read(name: str, **options) -> pd.DataFrame:
        return pd.read_csv(tmp_path / "new" / "folder" / name, keep_default_na=False, **options)

    assert set(read("per_sign.csv")["sign"]) == set(NAMES)
    assert read("predictions.csv")["true_sign"].tolist() == [NAMES[label] for label in labels]
    matrix = read("confusion_matrix.csv", index_col="true_sign")
    assert list(matrix.index) == list(matrix.columns) == NAMES
    np.testing.assert_array_equal(matrix, confusion_matrix(predictions))


def test_importing_metrics_imports_nothing_heavy():
    code = (
        "import sys, gislr.evaluation.metrics.tables; "
        "print({'matplotlib', 'seaborn', 'pandas', 'sklearn', 'scipy', 'tensorflow'} "
        "& set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
