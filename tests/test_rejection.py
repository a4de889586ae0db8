"""Rejection: thresholds, what they keep, and curves, against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.rejection import (
    judge_rejection,
    rejection_threshold,
    risk_coverage,
)


def predictions(confidence, right):
    """Of two signs: the first is predicted with some confidence, above one half."""
    confidence, count = np.array(confidence, np.float32), len(confidence)
    return ClipPredictions(
        clips=np.arange(count).astype(str),
        signers=np.repeat("7", count),
        labels=np.where(right, 0, 1).astype(np.int32),
        frames=np.full(count, 9),
        raw_frames=np.full(count, 9),
        probabilities=np.stack([confidence, 1 - confidence], axis=1),
        signs=["bee", "cow"],
    )


SOME = predictions([0.9, 0.8, 0.7, 0.6], [True, True, False, True])
OF_UNKNOWN = np.array([[0.65, 0.35], [0.25, 0.75]], np.float32)


def test_the_threshold_keeps_nineteen_of_twenty_right_predictions():
    confidence = np.linspace(0.55, 0.95, 21)
    threshold = rejection_threshold(predictions(confidence, np.ones(21, bool)))
    assert threshold == pytest.approx(confidence[1])
    assert rejection_threshold(predictions([0.9, 0.6], [False, True])) == pytest.approx(0.6)
    assert rejection_threshold(predictions([0.9, 0.6], [False, False])) == 0


def test_what_a_threshold_keeps_is_counted():
    found = judge_rejection(SOME, 0.7)
    assert (found.kept, found.right_kept, found.wrong_kept) == (3 / 4, 2 / 3, 1)
    assert found.error == pytest.approx(1 / 3)
    assert found.unknown_kept is found.auroc is None
    assert "unknown" not in str(found)


def test_clips_of_unknown_signs_are_judged_against_the_known_ones():
    found = judge_rejection(SOME, 0.7, OF_UNKNOWN)
    assert found.unknown_kept == 1 / 2
    # Of eight pairs the known clip is surer in 0.9, 0.8 twice each and 0.7 once: 5.
    assert found.auroc == pytest.approx(5 / 8)
    assert "AUROC of known against unknown signs 0.625" in str(found)


def test_risk_is_the_share_of_wrong_among_the_most_confident():
    coverage, risk = risk_coverage(SOME)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(risk, [0, 0, 1 / 3, 1 / 4])
    coverage, risk = risk_coverage(SOME, OF_UNKNOWN)
    np.testing.assert_allclose(coverage, np.arange(1, 7) / 6)
    np.testing.assert_allclose(risk, [0, 0, 1 / 3, 2 / 4, 3 / 5, 3 / 6])


def test_clips_of_equal_probability_share_a_risk():
    _, risk = risk_coverage(predictions([0.8, 0.8, 0.6], [True, False, True]))
    np.testing.assert_allclose(risk, [1 / 2, 1 / 2, 1 / 3])


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(0.5, 1), st.booleans()), min_size=1, max_size=40))
def test_all_clips_have_the_error_of_the_model(clips):
    some = predictions(*zip(*clips, strict=True))
    coverage, risk = risk_coverage(some)
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(np.mean(some.predicted != some.labels))
    found = judge_rejection(some, rejection_threshold(some))
    assert np.isnan(found.right_kept) or found.right_kept >= 0.95
