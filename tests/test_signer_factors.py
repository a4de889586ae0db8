"""What goes with a signer's accuracy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from gislr.data.landmarks import DOMINANT_HAND
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.signer_factors import correlations, signer_factors
from tests.conftest import make_store


def factors_of(accuracy, **columns):
    names = [str(k) for k in range(len(accuracy))]
    return pd.DataFrame({"signer": names, "accuracy": accuracy, **columns})


def test_each_signers_means_are_those_of_the_clips(tmp_path):
    store = make_store(tmp_path, [2, 3, 4], signs=3)
    hand = DOMINANT_HAND.parts["hand"]
    frames = np.array(store.frames)
    frames[:, hand, :2] = 0
    frames[:, hand.start, :2] = (0.25, 0.5)  # a hand as large as this landmark is far
    frames[:, hand, 0] += 0.1 * np.arange(9)[:, None]
    frames[1, hand] = np.nan  # of the first clip one frame is left: no speed
    object.__setattr__(store, "frames", frames)
    probabilities = np.eye(3, dtype=np.float32)[[0, 2, 2]]
    predictions = ClipPredictions.of(store, np.arange(3), probabilities)
    table = signer_factors(predictions, store)
    assert table["signer"].tolist() == ["0", "1"]
    assert table["clips"].tolist() == [2, 1]
    assert table["accuracy"].tolist() == [1, 0]
    assert table["frames_per_clip"].tolist() == [3, 3]
    assert table["left_handed"].tolist() == [1, 1]
    assert table["hand_size"].tolist() == pytest.approx([0.75, 0.75], abs=1e-6)
    assert table["hand_speed"].tolist() == pytest.approx([0.1, 0.1], abs=1e-6)


def test_correlations_are_spearmans_and_the_strongest_is_first():
    rng = np.random.default_rng(0)
    accuracy, noise = rng.random(30), rng.random(30)
    table = correlations(factors_of(accuracy, noise=noise, slow=-(accuracy**3), same=1.0))
    assert table["factor"].tolist() == ["slow", "noise"]
    assert table["correlation"].tolist() == pytest.approx([-1, spearmanr(noise, accuracy)[0]])
    assert table["high"][0] == pytest.approx(-1)
    assert table["low"][1] < 0 < table["high"][1]
    assert table["signers"].tolist() == [30, 30]


def test_unknown_values_do_not_count_and_few_signers_say_nothing():
    accuracy = np.linspace(0, 1, 9)
    known = np.where(np.arange(9) < 8, accuracy, np.nan)
    fewer = np.where(np.arange(9) < 7, accuracy, np.nan)
    table = correlations(factors_of(accuracy, known=known, fewer=fewer))
    assert table[["factor", "signers"]].to_numpy().tolist() == [["known", 8]]
