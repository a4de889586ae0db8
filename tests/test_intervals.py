"""Intervals over signers, pooled folds, calibration: numbers that can be worked out."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.evaluation.metrics import intervals
from gislr.evaluation.metrics.calibration import (
    at_temperature,
    calibrated_by_others,
    calibration,
    fit_temperature,
    top_k_accuracies,
)
from gislr.evaluation.metrics.clip_predictions import ClipPredictions, pooled
from gislr.evaluation.metrics.comparison import ComparedModel
from gislr.evaluation.metrics.confusion import most_confused_block
from gislr.evaluation.metrics.folds import cross_validation
from gislr.evaluation.metrics.intervals import (
    SCORES,
    paired_differences,
    score_intervals,
    scores_of_counts,
)
from gislr.evaluation.metrics.scores import score
from gislr.evaluation.metrics.tables import by_quantity, hand_fractions
from gislr.evaluation.reports import comparison_page as page
from gislr.evaluation.reports.summary import cross_validation_summary
from gislr.utils.errors import DataError


def made_up(seed=0, clips=120, signs=5, signers=10, skill=2.0, first_signer=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, signs, clips).astype(np.int32)
    logits = rng.normal(size=(clips, signs))
    logits[np.arange(clips), labels] += skill
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    signer = first_signer + np.arange(clips) % signers
    return ClipPredictions(
        clips=np.array([f"{s}/{k}" for k, s in enumerate(signer)]),
        signers=signer.astype(np.str_),
        labels=labels,
        frames=rng.integers(1, 64, clips),
        raw_frames=rng.integers(64, 90, clips),
        probabilities=probabilities.astype(np.float32),
        signs=[f"sign{k}" for k in range(signs)],
    )


@pytest.mark.slow
@given(seed=st.integers(0, 1000), signs=st.integers(2, 8), clips=st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_scores_of_counts_are_those_of_scikit_learn(seed, signs, clips):
    predictions = made_up(seed, clips, signs, skill=1.0)
    labels, predicted = predictions.labels, predictions.predicted
    counts = [
        np.bincount(of, minlength=signs) for of in (labels[labels == predicted], labels, predicted)
    ]
    expected = score(predictions.labels, predictions.probabilities)
    for name, value in scores_of_counts(*counts).items():
        assert value == pytest.approx(expected[name], abs=1e-12)


def test_an_interval_holds_the_score_and_grows_with_the_spread_between_signers():
    alike = made_up()
    right = alike.signers.astype(int) < 5
    chosen = np.where(right, alike.labels, (alike.labels + 1) % 5)
    unlike = dataclasses.replace(alike, probabilities=np.eye(5, dtype=np.float32)[chosen])
    widths = []
    for predictions in (alike, unlike):
        found = score_intervals([predictions])
        assert set(found) == set(SCORES)
        interval = found["acc"]
        assert interval.low <= interval.value <= interval.high
        widths.append(interval.high - interval.low)
    assert widths[1] > 2 * widths[0]


def test_a_model_does_not_differ_from_itself_and_a_worse_one_does():
    first, worse = made_up(), made_up()
    shuffled = np.random.default_rng(1).permutation(len(worse))
    worse = dataclasses.replace(worse, probabilities=worse.probabilities[shuffled])
    same = paired_differences([first], [first])["weighted_f1"]
    assert (same.interval.value, same.verdict, same.p_value) == (0, "not significant", 1)
    other = paired_differences([first], [worse])["weighted_f1"]
    assert other.interval.high < 0
    assert other.verdict == "significant"
    assert other.p_value == 0


def test_few_signers_allow_no_verdict():
    first, second = (made_up(seed, signers=3) for seed in (0, 1))
    second = dataclasses.replace(first, probabilities=second.probabilities)
    found = paired_differences([first], [second])["acc"]
    assert found.verdict == "3 signers are too few for a verdict"


def test_of_many_models_all_are_compared_and_the_first_ones_drawn(monkeypatch):
    monkeypatch.setattr(page, "MOST_DRAWN", 2)
    drawn = []

    def scores_of_draws(predictions):
        drawn.append(predictions)
        return original(predictions)

    original = intervals._scores_of_draws
    monkeypatch.setattr(intervals, "_scores_of_draws", scores_of_draws)
    models = [ComparedModel(f"model {k}", {"seed": str(k)}, [made_up(clips=120)]) for k in range(3)]
    figures = page.comparison_figures(models)
    assert list(figures) == ["calibration", "per_class_difference_1"]
    made = page.comparison_page(models, figures)
    assert made.title == "2 models vs. model 0"
    assert "Of the first 2 models." in made.html()
    assert all(f"| model {k} |" in made.markdown() for k in range(3))
    assert len(drawn) == 3, "signers are drawn once for each model"


def test_other_clips_are_not_compared():
    with pytest.raises(DataError, match="same clips only"):
        paired_differences([made_up()], [made_up(clips=100)])


def test_predictions_are_read_as_they_were_written(tmp_path):
    predictions = made_up()
    predictions.save(tmp_path / "p.parquet")
    again = ClipPredictions.load(tmp_path / "p.parquet")
    for field in dataclasses.fields(ClipPredictions):
        assert np.array_equal(getattr(predictions, field.name), getattr(again, field.name))
    (tmp_path / "q.parquet").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"q.parquet must be a file of predictions"):
        ClipPredictions.load(tmp_path / "q.parquet")


def folds(seeds=2):
    return {
        (fold, seed): made_up(10 * fold + seed, first_signer=10 * fold)
        for fold in range(3)
        for seed in range(seeds)
    }


def test_a_cross_validation_combines_its_folds():
    results = {
        (fold, seed): dataclasses.replace(predictions, labels=folds()[fold, 0].labels)
        for (fold, seed), predictions in folds().items()
    }
    found = cross_validation(results)
    assert list(found.pooled) == [0, 1]
    assert all(len(p) == 360 for p in found.pooled.values())
    assert len(found.by_fold) == 6
    assert len(found.by_signer) == 30
    assert len(found.by_sign) == 5
    values = [score(p.labels, p.probabilities)["acc"] for p in found.pooled.values()]
    assert found.intervals["acc"].value == pytest.approx(np.mean(values))
    assert (
        "360 clips of 30 signers, each held out once; mean of 2 seeds"
        in cross_validation_summary(found, pd.DataFrame())
    )


def test_a_clip_in_two_folds_is_refused():
    with pytest.raises(DataError, match="Each clip must be held out in one fold only"):
        pooled([made_up(), made_up(1)])


def test_a_missing_fold_is_named():
    with pytest.raises(DataError, match="fold 2 seed 1 is missing"):
        cross_validation(dict(list(folds().items())[:-1]))


def two_signs(confidences, right, signers=None):
    """Predictions of the first of two signs with some confidence, which are right or not."""
    count = len(confidences)
    first = np.array(confidences)
    return ClipPredictions(
        clips=np.arange(count).astype(str),
        signers=np.array(signers or ["s"] * count, np.str_),
        labels=np.where(right, 0, 1).astype(np.int32),
        frames=np.ones(count, np.int64),
        raw_frames=np.ones(count, np.int64),
        probabilities=np.stack([first, 1 - first], axis=1).astype(np.float32),
        signs=["a", "b"],
    )


def test_the_temperature_makes_confidence_what_it_should_be():
    # A confidence of 0.9 that is right in 3 of 4 clips: log(9) / T = log(3), so T = 2.
    overconfident = two_signs([0.9] * 400, [True, True, True, False] * 100)
    assert fit_temperature(overconfident) == pytest.approx(2, rel=1e-3)
    scaled = at_temperature(overconfident, 2)
    assert scaled.probabilities[0].tolist() == pytest.approx([0.75, 0.25])
    assert calibration(scaled).error == pytest.approx(0, abs=1e-6)
    # And 0.75 that is right in 9 of 10: T = log(3) / log(9).
    modest = two_signs([0.75] * 10, [True] * 9 + [False])
    assert fit_temperature(modest) == pytest.approx(0.5, rel=1e-3)


def test_signers_are_calibrated_by_others():
    # Signer a is right in 3 of 4 clips, signer b in 9 of 10, each with a confidence of 0.9.
    right = [True, True, True, False] * 10 + ([True] * 9 + [False]) * 4
    predictions = two_signs([0.9] * 80, right, ["a"] * 40 + ["b"] * 40)
    scaled = calibrated_by_others(predictions)
    of_signer = {s: scaled.probabilities[scaled.signers == s][0, 0] for s in "ab"}
    assert of_signer == pytest.approx({"a": 0.9, "b": 0.75}, rel=1e-3)
    assert scaled.clips.tolist() == predictions.clips.tolist()
    alone = two_signs([0.9], [True])
    assert calibrated_by_others(alone) is alone


def test_calibration_of_the_calibrated_and_of_the_overconfident():
    rng = np.random.default_rng(0)
    clips = 20_000
    confidence = rng.uniform(0.5, 1, clips).astype(np.float32)
    labels = (rng.random(clips) > confidence).astype(np.int32)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    honest = dataclasses.replace(
        made_up(clips=clips, signs=2), labels=labels, probabilities=probabilities
    )
    assert calibration(honest).error < 0.02
    sure = np.tile(np.array([[1.0, 0.0]], np.float32), (clips, 1))
    boastful = dataclasses.replace(honest, probabilities=sure)
    assert calibration(boastful).error == pytest.approx(labels.mean(), abs=1e-6)
    assert calibration(boastful).clips.tolist() == [clips]


def test_top_k_rises_to_one():
    shares = top_k_accuracies(made_up())
    assert (np.diff(shares) >= 0).all()
    assert shares[-1] == 1


def test_groups_by_a_quantity_hold_every_clip_once():
    predictions = made_up()
    shares = hand_fractions(predictions, most_frames=60)
    assert np.isnan(shares[predictions.frames >= 60]).all()
    table = by_quantity(predictions, shares)
    assert table["clips"].sum() == np.isfinite(shares).sum()
    assert (table["low"].to_numpy()[1:] > table["high"].to_numpy()[:-1]).all()


def test_the_worst_block_is_found():
    counts = np.diag(np.full(30, 9))
    counts[11:14, 11:14] += 4
    assert {11, 12, 13} <= set(most_confused_block(pd.DataFrame(counts), 5).index)
