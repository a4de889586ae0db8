"""Pretraining without labels: what is masked, what counts, what is learned, what is refused."""

import keras
import numpy as np
import pytest

from gislr.batches import Layout, TrainingBatches
from gislr.batches.masked_landmarks import MaskedBatches, MaskingSettings, draw_masks
from gislr.config.composition import compose
from gislr.config.configuration import default_configuration, read_configuration
from gislr.data.landmark_statistics import measure
from gislr.data.landmarks import LANDMARKS
from gislr.training.reconstruction import evaluate_reconstruction, reconstruction_loss
from gislr.utils.errors import SettingError
from gislr.workflows.factory import build_pretraining
from tests.commands import TINY, TINY_CONVOLUTIONS
from tests.conftest import make_store, whole
from tests.test_augmentation import transform

LENGTHS = [5, 9, 3, 7, 4, 8, 12, 20]
SMALL = {"transformer": TINY, "conv_transformer": TINY_CONVOLUTIONS}
HALF = MaskingSettings(masked=0.5, masked_frames=0.2, span=4)


def test_the_loss_is_the_mean_over_values_that_have_a_target():
    targets = np.full((1, 2, 2, 2), np.nan, np.float32)
    predicted = np.full((1, 2, 2, 2), 7.0, np.float32)
    targets[0, 0, 0], predicted[0, 0, 0] = [1.0, -1.0], [1.5, 2.0]
    targets[0, 1, 1, 0], predicted[0, 1, 1, 0] = 3.0, 1.0
    # Errors of 0.5, 3 and 2: 0.5²/2, 3 - 1/2, 2 - 1/2.
    expected = (0.125 + 2.5 + 1.5) / 3
    assert float(reconstruction_loss(targets, predicted)) == pytest.approx(expected, rel=1e-6)
    assert float(reconstruction_loss(np.full_like(targets, np.nan), predicted)) == 0


def test_the_loss_has_no_gradient_where_there_is_no_target():
    target = np.array([[[[1.0], [np.nan], [5.0]]]], np.float32)
    inputs = keras.Input((1, 3, 1))
    model = keras.Model(inputs, keras.layers.EinsumDense("brla,l->brla", (None, 3, 1))(inputs))
    model.get_layer(index=1).set_weights([np.ones(3)])
    model.compile(keras.optimizers.SGD(1.0), reconstruction_loss)
    model.fit(np.ones_like(target), target, verbose=0)
    # Of the mean of two: none at an error of 0, and -1/2 beyond 1.
    np.testing.assert_allclose(model.get_weights()[0], [1.0, 1.0, 1.5], atol=1e-6)


def masks(seed=0, rows=400, masking=HALF, landmarks="both_hands"):
    """Rows of two clips of 30 and 24 frames, a masked position after each, and empty ones."""
    one, two = [1] * 30 + [0], [2] * 24 + [0] * 3
    segment_ids = np.tile(np.array(one + two, np.int32), (rows, 1))
    generator = np.random.default_rng(seed)
    return segment_ids, draw_masks(segment_ids, 2, LANDMARKS[landmarks], masking, generator)


def test_the_settings_say_how_much_is_masked():
    segment_ids, hidden = masks()
    valid = segment_ids[0] > 0
    assert not hidden[:, ~valid].any()
    for masking, share in (
        (HALF, 0.5 + 0.5 * 0.2),
        (HALF.model_copy(update={"masked": 0.1}), 0.28),
    ):
        _, hidden = masks(masking=masking)
        # Of every part, in the middle of a clip as at its ends.
        for part in LANDMARKS["both_hands"].parts.values():
            assert hidden[:, valid, part].mean() == pytest.approx(share, abs=0.03)
        for column in (0, 15, 29, 31, 54):
            assert hidden[:, column].mean() == pytest.approx(share, abs=0.05)


def test_parts_are_masked_as_a_whole_and_in_spans_of_their_own():
    _, hidden = masks(masking=MaskingSettings(masked=0.5, masked_frames=0, span=4))
    parts = LANDMARKS["both_hands"].parts
    for part in parts.values():
        assert (hidden[..., part] == hidden[..., part][..., :1]).all()
    of_parts = np.stack([hidden[..., part.start] for part in parts.values()], axis=-1)
    changes = np.diff(of_parts[:, :30].astype(int), axis=1) != 0
    # A part changes at one frame in four, at most, and then half of the time.
    assert changes.mean() == pytest.approx(1 / 8, abs=0.01)
    assert not (changes[:, :-1] & changes[:, 1:]).any()
    flat = of_parts[:, 10:20].reshape(-1, len(parts)).astype(float)
    correlations = np.corrcoef(flat.T)[~np.eye(len(parts), dtype=bool)]
    assert abs(correlations).max() < 0.1
    # Nor does one clip of a row tell anything about the other.
    assert abs(np.corrcoef(of_parts[:, 29, 0], of_parts[:, 31, 0])[0, 1]) < 0.15


def test_all_parts_of_a_frame_can_be_masked_together():
    segment_ids, hidden = masks(
        masking=MaskingSettings(masked=0.01, masked_frames=0.5, span=3), rows=200
    )
    everything = hidden.all(axis=-1)[segment_ids > 0].mean()
    assert everything == pytest.approx(0.5, abs=0.05)


def masked_batches(tmp_path, packed=True):
    store = make_store(tmp_path / "store", LENGTHS)
    layout = Layout(64, segments=8 if packed else 1, packed=packed)
    clips = np.arange(len(LENGTHS))
    batches = TrainingBatches(
        store,
        clips,
        layout,
        samples_per_class=2,
        frame_masking=0.2,
        seed=1,
        augmentation=[transform("part_dropout", probability=0.5)],
        class_balance=0.0,
    )
    return MaskedBatches(batches, HALF, measure(store, clips))


@pytest.mark.parametrize("packed", [True, False])
def test_targets_are_what_is_masked_and_was_found(tmp_path, packed):
    batches = masked_batches(tmp_path, packed)
    whole, batch = batches.batches.batch(0, 0), batches.batch(0, 0)
    for name in ("position", "segment_ids", "labels", "clips"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(batch, name))
    target, left = ~np.isnan(batch.targets), ~np.isnan(batch.frames)
    valid = (batch.segment_ids > 0)[..., None, None]
    found = ~np.isnan(whole.frames)
    assert target.any() and (left & valid).any() and (~found & valid).any()
    assert not (target & left).any()
    np.testing.assert_array_equal(target | left, found)
    np.testing.assert_array_equal(batch.frames[left], whole.frames[left])
    assert not (target & ~valid).any()
    expected = (whole.frames - batches.statistics.mean) / batches.statistics.std
    np.testing.assert_allclose(batch.targets[target], expected[target], rtol=1e-6)
    assert batch.targets.dtype == batch.frames.dtype == np.float32


def test_equal_numbers_give_equal_masks(tmp_path):
    first, again = masked_batches(tmp_path / "a"), masked_batches(tmp_path / "b")
    for epoch, step in ((0, 0), (0, 1), (1, 0)):
        one, two = first.batch(epoch, step), again.batch(epoch, step)
        np.testing.assert_array_equal(one.frames, two.frames)
        np.testing.assert_array_equal(one.targets, two.targets)
    generator = np.random.default_rng(0)
    whole = first.batches.batch(0, 0)
    assert not np.array_equal(
        first.masked(whole, generator).targets, first.masked(whole, generator).targets, True
    )


def pretraining(name, *overrides):
    return read_configuration(
        compose("pretrain", f"model={name}", *SMALL[name], "batches.size=8", *overrides)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "conv_transformer"])
def test_the_body_learns_and_the_classifier_does_not(tmp_path, name):
    store = make_store(tmp_path / "store", LENGTHS)
    clips = np.arange(6)
    configuration = pretraining(name, "optimizer.learning_rate=1e-2", "training.epochs=8")
    training = build_pretraining(configuration, store, clips, measure(store, clips))
    model, held_out = training.model, np.array([6, 7])
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    losses, others = [], []

    def after_epoch(epoch, metrics):
        losses.append(metrics["loss"])
        others.append(evaluate_reconstruction(training.loop, held_out))

    training.loop.fit(after_epoch)
    assert losses[-1] < losses[0]
    assert len({other["baseline_loss"] for other in others}) == 1
    assert len({other["loss"] for other in others}) == len(others)
    kept = {"standardize", "classifier", "clip_dropout"}
    for layer, weights in before.items():
        after = model.get_layer(layer).get_weights()
        same = [np.array_equal(*pair) for pair in zip(weights, after, strict=True)]
        assert all(same) if layer in kept else not all(same), layer


def test_the_baseline_is_the_loss_of_the_mean(tmp_path):
    store = make_store(tmp_path / "store", LENGTHS)
    clips = np.arange(len(LENGTHS))
    training = build_pretraining(pretraining("transformer"), store, clips, measure(store, clips))
    head = training.loop.trainer.get_layer("reconstruction")
    head.set_weights([np.zeros_like(weights) for weights in head.get_weights()])
    found = evaluate_reconstruction(training.loop, clips)
    assert found["loss"] == found["baseline_loss"] > 0


def test_what_needs_labels_is_refused(tmp_path):
    store = make_store(tmp_path / "store", LENGTHS, preprocessing=whole())
    clips = np.arange(len(LENGTHS))
    for name, setting, message in (
        ("transformer", "arcface.weight=0.1", r"set arcface\.weight=0\."),
        ("transformer", "awp.epsilon=0.1", r"set awp\.epsilon=0\."),
        ("conv_transformer", "model.centering=nose", r"Set model\.centering=none"),
    ):
        configuration = pretraining(name, setting)
        with pytest.raises(SettingError, match=message):
            build_pretraining(configuration, store, clips, measure(store, clips))
    with pytest.raises(SettingError, match="this configuration has none"):
        build_pretraining(default_configuration(), store, clips, measure(store, clips))
