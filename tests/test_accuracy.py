"""A floor of accuracy on signers held out, which no broken model passes."""

from dataclasses import replace

import numpy as np
import pytest

from gislr.config.configuration import default_configuration, open_data
from gislr.data.landmark_statistics import measure
from gislr.data.splits import split_clips
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.training.prediction import predict
from gislr.workflows.factory import build_training

FLOOR, BROKEN = 0.5, 0.3
SETTINGS = [
    *("data.signs=8", "data.signers=16", "data.clips=640", "split.test_size=0.25"),
    *("model.units=64", "model.landmark_units=32", "model.num_heads=4", "model.num_blocks=1"),
    *("optimizer.learning_rate=3e-3", "augmentation=standard", "training.epochs=12"),
]

pytestmark = pytest.mark.xdist_group("accuracy")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    cache = tmp_path_factory.mktemp("accuracy")
    return default_configuration(*SETTINGS, f"preparation.cache={cache}", "preparation.workers=1")


def weighted_f1(configuration, broken=lambda store: store):
    """Trains on a store, as it is or broken; returns the F1 of other signers' true labels."""
    whole = open_data(configuration)
    split = split_clips(configuration.split, whole.clips, whole.all_clips)
    store = broken(whole)
    training = build_training(configuration, store, split.train, measure(store, split.train))
    training.loop.fit(lambda epoch, metrics: None)
    probabilities = predict(training.model, store, split.validation, training.layout)
    return ClipPredictions.of(whole, split.validation, probabilities).score()["weighted_f1"]


def test_a_training_passes_the_floor(configuration):
    assert weighted_f1(configuration) > FLOOR


def shuffled(store):
    labels = np.random.default_rng(0).permutation(store.clips.labels)
    return replace(store, clips=replace(store.clips, labels=labels))


def without_landmarks(store):
    return replace(store, frames=np.zeros_like(store.frames))


@pytest.mark.parametrize("broken", [shuffled, without_landmarks])
def test_a_broken_training_does_not(broken, configuration):
    assert weighted_f1(configuration, broken) < BROKEN
