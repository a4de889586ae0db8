"""What every registered model must do, and what the report's transformer must be."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from scipy.special import softmax

from gislr.batches.assembly import assemble
from gislr.batches.packing import Layout, layout_for
from gislr.data import landmark_statistics as statistics
from gislr.models import MODELS, build_model, embeddings, layers, layout_of
from gislr.models.conv_transformer import conv_layers, frame_features
from gislr.models.serving import TrainedModel, serving_model
from gislr.training.losses import LOSSES
from gislr.training.optimizers import OPTIMIZERS
from gislr.training.prediction import predict
from gislr.training.trainer import compile_model, trainable_parameters
from gislr.utils.errors import SettingError
from gislr.utils.paths import config_folder
from tests.conftest import REFERENCE, configured, make_store, whole

PADDED = Layout(64, segments=1, packed=False)
LENGTHS = [1, 64, 2, 30, 7, 64, 13, 5, 21, 40, 1, 17]
SMALL = {
    "transformer": {"units": 32, "landmark_units": 24, "num_heads": 4},
    "conv_transformer": {"units": 16, "num_heads": 2, "num_convolutions": 1},
}


VARIANTS = [
    *((name, {}, REFERENCE) for name in MODELS.names()),
    (
        "conv_transformer",
        {"centering": "nose", "distances": True, "normalization": "layer"},
        whole(),
    ),
    (
        "conv_transformer",
        {"wrist_relative_hand": False, "deltas": 0},
        whole("competition", "detections", "xyz"),
    ),
    (
        "transformer",
        {"normalization": "rms"},
        whole(axes="xyz"),
    ),
]
"""What is built of a family, and what it reads."""


def defaults(name):
    import yaml

    return yaml.safe_load((config_folder() / "model" / f"{name}.yaml").read_text())


def small(name="transformer", **changes):
    return MODELS.read({**defaults(name), **SMALL.get(name, {}), **changes})


def without_dropout(**changes):
    rates = dict.fromkeys(["embedding_dropout", "mlp_dropout", "classifier_dropout"], 0.0)
    return small(**rates, **changes)


def build(
    settings,
    layout,
    signs=3,
    precision="float32",
    measured=None,
    seed=0,
    preprocessing=REFERENCE,
):
    keras.utils.set_random_seed(seed)
    model = build_model(
        settings,
        signs=signs,
        layout=layout,
        preprocessing=preprocessing,
        precision=precision,
        statistics=measured,
    )
    # Weights that start at zero would hide where they are used.
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if not np.any(np.asarray(variable.value)):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    return model


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store") / "store", LENGTHS)


@pytest.fixture(scope="module")
def measured(store):
    return statistics.measure(store, np.arange(len(LENGTHS)))


def compiled(model, smoothing=0.25):
    compile_model(
        model,
        configured(OPTIMIZERS, "adamw"),
        configured(LOSSES, "crossentropy", label_smoothing=smoothing),
    )
    return model


def test_the_default_transformer_has_the_reports_parameters():
    settings = MODELS.read(defaults("transformer"))
    model = build_model(
        settings, signs=250, layout=PADDED, preprocessing=REFERENCE, precision="float32"
    )
    assert trainable_parameters(model) == 5_315_965
    size = {layer.name: sum(w.size for w in layer.get_weights()) for layer in model.layers}
    assert size["lips_embedding"] == 178_560
    assert size["hand_embedding"] == 163_968
    assert size["pose_embedding"] == 151_680
    assert size["merge_1"] + size["merge_2"] == 458_752
    assert size["position_embedding"] == 65 * 512
    assert sum(size[f"block_0_{part}"] for part in ("attention", "mlp_1", "mlp_2")) == 2_100_736
    assert size["classifier"] == 128_250


@pytest.mark.parametrize("name", MODELS.names())
def test_no_two_weights_start_with_the_same_numbers(name):
    model = build_model(
        small(name), signs=3, layout=PADDED, preprocessing=REFERENCE, precision="float32"
    )
    drawn = [
        np.sort(np.ravel(variable)).tobytes()
        for variable in model.trainable_variables
        if len(np.unique(variable)) > 2
    ]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize(
    ("name", "changes", "reading"),
    [
        *VARIANTS[: len(MODELS.names())],
        *(pytest.param(*each, marks=pytest.mark.slow) for each in VARIANTS[len(MODELS.names()) :]),
    ],
)
def test_a_clip_gives_the_same_wherever_it_lies(name, changes, reading, tmp_path):
    """Packed among others, alone, or padded: the output must not change."""
    settings = small(name, **changes)
    store = make_store(tmp_path / "store", LENGTHS, preprocessing=reading)
    measured = statistics.measure(store, np.arange(len(LENGTHS)))
    options = {"measured": measured, "preprocessing": reading}
    packed = build(settings, layout_of(settings, 64), **options)
    padded = build(settings, PADDED, **options)
    padded.set_weights(packed.get_weights())
    packed.run_eagerly = padded.run_eagerly = True  # tracing would take longer
    clips = np.arange(len(LENGTHS))
    together = predict(packed, store, clips, layout_of(settings, 64))
    assert together.shape == (len(LENGTHS), 3)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(predict(padded, store, clips, PADDED), together, atol=1e-5)
    reverse = predict(packed, store, clips[::-1].copy(), layout_of(settings, 64))
    np.testing.assert_allclose(reverse[::-1], together, atol=1e-5)
    for clip in clips:
        batch = assemble(store, clips[clip : clip + 1], layout_of(settings, 64))
        [logits] = np.asarray(packed(batch.inputs()))[batch.clips >= 0]
        np.testing.assert_allclose(softmax(logits), together[clip], atol=1e-5)
    assert together.std(axis=0).min() > 1e-3, "clips differ"


@pytest.mark.parametrize("name", MODELS.names())
def test_what_lies_in_empty_positions_is_not_seen(name, store):
    settings = small(name)
    model = build(settings, layout_of(settings, 64))
    batch = assemble(store, np.arange(3), layout_of(settings, 64), rows=4)
    inputs = batch.inputs()
    before = np.asarray(model(inputs))[batch.clips >= 0]
    empty = batch.segment_ids == 0
    inputs["frames"] = inputs["frames"].copy()
    inputs["frames"][empty] = 9.0
    after = np.asarray(model(inputs))[batch.clips >= 0]
    np.testing.assert_array_equal(before, after)


def gradients(model, batch):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = model.compute_loss(
            y=batch.labels, y_pred=model(batch.inputs()), sample_weight=batch.weights()
        )
    found = tape.gradient(loss, [v.value for v in model.trainable_variables])
    return float(loss), [np.asarray(tf.convert_to_tensor(gradient)) for gradient in found]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]
)
def test_packed_and_padded_rows_have_the_same_loss_and_gradients(store, measured, seed):
    settings = without_dropout()
    layout = layout_for(64, packed=True)
    packed = compiled(build(settings, layout, measured=measured, seed=seed))
    padded = compiled(build(settings, PADDED, measured=measured, seed=seed))
    rng = np.random.default_rng(seed)
    clips = np.concatenate([[0, 1, 10], rng.integers(0, len(LENGTHS), 9)])
    masking = (0.25, 0.9)[seed % 2]
    of_packed, of_padded = (
        gradients(
            model,
            assemble(
                store,
                clips,
                rows,
                frame_masking=masking,
                generator=np.random.default_rng(seed),
            ),
        )
        for model, rows in ((packed, layout), (padded, PADDED))
    )
    np.testing.assert_allclose(of_packed[0], of_padded[0], rtol=1e-6)
    for a, b in zip(of_packed[1], of_padded[1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert max(np.abs(gradient).max() for gradient in of_packed[1]) > 1e-2


def test_masking_queries_lets_frames_see_padding(store):
    """The reference's quirk: the same clip in a row of other padding gives another output."""
    keys, queries = (small(attention_mask=mask) for mask in ("keys", "queries"))
    batch = assemble(store, np.array([3]), PADDED)
    inputs = batch.inputs()
    inputs["frames"] = np.where((batch.segment_ids == 0)[..., None, None], 0.5, inputs["frames"])
    for settings, same in ((keys, True), (queries, False)):
        model = build(settings, PADDED)
        before, after = np.asarray(model(batch.inputs())), np.asarray(model(inputs))
        assert np.allclose(before, after, atol=1e-6) == same


def test_rows_of_padding_are_uniform_when_queries_are_masked():
    from gislr.models.attention import SegmentAttention

    layer = SegmentAttention(2, "queries")
    x = np.random.default_rng(0).normal(size=(1, 6, 8)).astype(np.float32)
    segment_ids = np.array([[1, 1, 1, 0, 0, 0]], np.int32)
    out = np.asarray(layer(x, segment_ids))[0]
    np.testing.assert_allclose(out[3], out[5], atol=1e-6)
    assert np.abs(out[0] - out[1]).max() > 1e-3
    value = np.asarray(layer.kernels[2]).reshape(8, 8)
    expected = (x[0] @ value).mean(axis=0) @ np.asarray(layer.output_kernel)
    np.testing.assert_allclose(out[3], expected, atol=1e-5)


def test_a_part_that_was_not_found_gets_the_learned_vector(store, measured):
    layer = embeddings.PartEmbedding(4, 0, 40)
    frames = np.array(store.frames[None, :2, :, :2])
    found = np.ones(frames.shape, bool)
    found[0, 1, :40] = False
    layer.build(frames.shape, found.shape)
    layer.missing.assign([1.0, 2.0, 3.0, 4.0])
    out = np.asarray(layer(frames, found))[0]
    assert out[1].tolist() == [1, 2, 3, 4]
    assert out[0].tolist() != [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS.names())
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_training_lowers_the_loss(name, precision, store, measured):
    settings = small(name)
    layout = layout_of(settings, 64)
    model = compiled(build(settings, layout, precision=precision, measured=measured))
    batch = assemble(store, np.arange(len(LENGTHS)), layout)
    losses = []
    for _ in range(30):
        model.reset_metrics()
        out = model.train_on_batch(batch.inputs(), batch.labels, sample_weight=batch.weights())
        losses.append(float(np.ravel(out)[0]))
    assert losses[-1] < 0.8 * losses[0]
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS.names())
def test_the_kept_model_gives_the_same_probabilities_after_saving(name, store, measured, tmp_path):
    settings = small(name)
    layout = layout_of(settings, 64)
    model = build(settings, layout, measured=measured)
    kept = serving_model([TrainedModel(model, settings, ["a", "b", "c"], REFERENCE)])
    kept.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    clips = np.arange(len(LENGTHS))
    frames = np.zeros((len(clips), 64, 66, 3), np.float32)
    index = np.full((len(clips), 64), -1, np.float32)
    for clip, length in enumerate(LENGTHS):
        rows = slice(store.offsets[clip], store.offsets[clip + 1])
        frames[clip, :length], index[clip, :length] = store.frames[rows], store.frame_index[rows]
    got = np.asarray(loaded({"frames": frames, "frame_index": index}))
    np.testing.assert_allclose(got, predict(model, store, clips, layout), atol=1e-5)


@pytest.mark.slow
def test_random_masking_is_for_training_unless_asked_for(store, measured):
    settings = small()
    layout = layout_of(settings, 64)
    model = build(settings, layout, measured=measured)
    clips = np.arange(len(LENGTHS))
    plain = predict(model, store, clips, layout)
    assert np.array_equal(plain, predict(model, store, clips, layout))
    assert not np.allclose(plain, predict(model, store, clips, layout, frame_masking=0.5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 30}, "multiple of model.num_heads; got 30 and 4"),
        ({"units": "x"}, "model.units must be a whole number; got 'x'"),
        ({"units": 0}, "model.units must be at least 1"),
        ({"num_blocks": -1}, "model.num_blocks must be at least 0; got -1"),
        ({"mlp_ratio": 0}, "model.mlp_ratio must be above 0"),
        ({"mlp_dropout": 1.0}, "model.mlp_dropout must be below 1; got 1.0"),
        ({"frame_masking": -0.1}, "model.frame_masking must be at least 0"),
        ({"attention_mask": "key"}, "keys, queries; got 'key'. Did you mean 'keys'?"),
        ({"name": "transfomer"}, "Did you mean 'transformer'?"),
        ({"unitz": 3}, "model.unitz is no setting.*Did you mean 'units'?"),
    ],
)
def test_settings_that_cannot_be_used_are_reported(changes, message):
    with pytest.raises(SettingError, match=message):
        MODELS.read({**defaults("transformer"), **SMALL["transformer"], **changes})


@pytest.mark.parametrize("name", MODELS.names())
def test_a_family_says_what_batches_need(name):
    settings = small(name)
    assert settings.name == name
    assert 0 <= settings.inference_masking <= settings.frame_masking < 1
    layout = layout_of(settings, 64, devices=2)
    assert layout.packed == settings.packed
    assert (layout.gap, layout.devices) == (settings.gap, 2)
    assert layout.last_frame_position == settings.last_frame_position
    assert settings.frame_masking > 0, "the default"
    with pytest.raises(ValueError, match="frozen"):
        settings.units = 3


EXTERNAL = """
import keras
from gislr.models import MODELS
from gislr.models.layers import ClipMean, SplitMissing, row_inputs
from gislr.utils.settings import Positive, Rate, Settings

@MODELS.register("outside")
class Outside(Settings):
    name: str
    units: Positive
    frame_masking: Rate
    packed = property(lambda self: True)
    gap = property(lambda self: 0)
    inference_masking = property(lambda self: 0.0)
    last_frame_position = property(lambda self: "own")

    def build(self, *, signs, layout, preprocessing, precision):
        inputs = row_inputs(layout, preprocessing)
        x, _ = SplitMissing()(inputs["frames"])
        x = keras.layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)
        clips = ClipMean(layout.segments)(keras.layers.Dense(self.units)(x), inputs["segment_ids"])
        return keras.Model(inputs, keras.layers.Dense(signs)(clips))
"""


def test_another_package_registers_a_family(tmp_path, monkeypatch, store):
    """Its module is imported only when a configuration names the family."""
    assert "outside_gislr" not in sys.modules
    (tmp_path / "outside_gislr.py").write_text(EXTERNAL)
    folder = tmp_path / "outside_gislr-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-gislr\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[gislr.model]\noutside = outside_gislr\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    settings = MODELS.read({"name": "outside", "units": 4, "frame_masking": 0.0})
    assert "outside_gislr" in sys.modules
    layout = layout_of(settings, 64)
    assert predict(build(settings, layout), store, np.arange(4), layout).shape == (4, 3)


def features_of(layer, landmarks, *more):
    """What a layer computes from landmarks with NaN where they are missing."""
    landmarks = landmarks.astype(np.float32)
    found = ~np.isnan(landmarks)
    out = layer(np.where(found, landmarks, 0), found, *more)
    return [np.asarray(values) for values in out] if isinstance(out, tuple) else np.asarray(out)


def test_missing_landmarks_become_a_mask_at_the_entrance():
    frames = np.array([[[[0.5, np.nan], [np.nan, np.nan], [-1.0, 1e-30]]]], np.float32)
    values, found = layers.SplitMissing()(frames)
    assert np.asarray(found).tolist() == [[[[True, False], [False, False], [True, True]]]]
    assert np.array_equal(values, np.nan_to_num(frames))


def test_standardizing_keeps_missing_landmarks_at_0():
    layer = layers.Standardize()
    frames = np.array([[[[3.0, np.nan]], [[1.0, 5.0]]]], np.float32)
    layer.build(frames.shape, frames.shape)
    layer.set_weights([np.array([[1.0, 1.0]]), np.array([[2.0, 4.0]])])
    assert features_of(layer, frames).tolist() == [[[[1.0, 0.0]], [[0.0, 1.0]]]]


def test_temporal_deltas_stay_within_a_clip_and_skip_missing_features():
    features = np.array([[[1.0], [3.0], [np.nan], [7.0], [20.0], [0.0]]])
    segment_ids = np.array([[1, 1, 1, 1, 2, 2]], np.int32)
    places = np.array([[0, 1, 2, 3, 20, 21]], np.int32)
    for packed in (False, True):
        layer = conv_layers.TemporalDeltas(2, packed)
        found = features_of(layer, features, segment_ids, places)[0]
        assert found[:, 0].tolist() == [1, 3, 0, 7, 20, 0]
        assert found[:, 1].tolist() == [0, 2, 0, 0, 0, -20]
        assert found[:, 2].tolist() == [0, 0, 0, 4, 0, 0]


def test_temporal_deltas_of_packed_frames_know_which_are_masked():
    features = np.array([[[1.0], [3.0], [7.0], [20.0]]])  # the frame between 3 and 7 is masked
    segment_ids, places = np.array([[1, 1, 1, 1]], np.int32), np.array([[0, 1, 3, 4]], np.int32)
    layer = conv_layers.TemporalDeltas(2, packed=True)
    found = features_of(layer, features, segment_ids, places)[0]
    assert found[:, 1].tolist() == [0, 2, 0, 13]
    assert found[:, 2].tolist() == [0, 0, 4, 0]


def test_a_timeline_brings_frames_to_their_places_and_back():
    segment_ids = np.array([[1, 1, 0], [1, 2, 2]], np.int32)
    places = np.array([[0, 2, 9], [0, 2, 3]], np.int32)
    frame_at, place_of = conv_layers.Timeline(5)(segment_ids, places)
    assert np.asarray(frame_at).tolist() == [0, 6, 1, 6, 6, 3, 6, 4, 5, 6]
    assert np.asarray(place_of).tolist() == [0, 2, 4, 5, 7, 8]
    frames = np.arange(1.0, 7.0, dtype=np.float32)[:, None]
    spread = conv_layers.moved(frames, frame_at, place_of)
    assert np.asarray(spread)[:, 0].tolist() == [1, 0, 2, 0, 0, 4, 0, 5, 6, 0]
    back = conv_layers.moved(spread, place_of, frame_at)
    assert np.asarray(back)[:, 0].tolist() == [1, 2, 0, 4, 5, 6]


def test_units_are_weighed_by_their_neighbors():
    layer = conv_layers.ChannelAttention(segments=1, kernel=3)
    frames = np.array([[[1.0, 2.0, 4.0], [3.0, 2.0, 0.0]]], np.float32)  # means 2, 2, 2
    segment_ids = np.ones((1, 2), np.int32)
    layer.build(frames.shape, segment_ids.shape)
    layer.set_weights([np.array([0.5, -1.0, 0.25]).reshape(3, 1, 1)])
    weights = 1 / (1 + np.exp(-np.array([-2 + 0.5, 1 - 2 + 0.5, 1 - 2])))
    np.testing.assert_allclose(layer(frames, segment_ids), frames * weights, rtol=1e-6)


def test_centered_clips_hide_where_and_how_large_they_were():
    rng = np.random.default_rng(0)
    clip = rng.uniform(0.2, 0.8, (1, 6, 10, 2))
    clip[0, 2, 3:5] = clip[0, 4] = np.nan
    segment_ids = np.array([[1, 1, 1, 1, 1, 0]], np.int32)
    moved = clip * 0.5 + [0.3, -0.05]
    layer = frame_features.Centering(2, segments=2)
    before, after = features_of(layer, clip, segment_ids), features_of(layer, moved, segment_ids)
    np.testing.assert_allclose(after[0, :5], before[0, :5], atol=1e-4)
    assert (before[0, 2, 3:5] == 0).all()
    np.testing.assert_allclose(before[0, [0, 1, 2, 3], 2].mean(axis=0), 0, atol=1e-5)
    beside = np.concatenate([clip[:, :5], rng.random((1, 3, 10, 2))], axis=1)
    packed = features_of(layer, beside, np.array([[1] * 5 + [2] * 3], np.int32))
    np.testing.assert_allclose(packed[0, :5], before[0, :5], atol=1e-5)


def test_a_hand_relative_to_its_wrist_hides_where_it_is():
    rng = np.random.default_rng(0)
    frames = rng.uniform(0.2, 0.8, (1, 4, 30, 3))
    frames[0, 1, 5:26] = frames[0, 2, 12] = np.nan
    layer = frame_features.WristRelativeHand([[5, 26]])
    before, known = features_of(layer, frames)
    after, _ = features_of(layer, frames * 0.7 + 0.1)
    assert before.shape == known.shape == (1, 4, 60)
    np.testing.assert_allclose(after, before, atol=1e-4)
    assert (before[0, 1] == 0).all(), "no hand"
    assert (before[0, 2, 18:21] == 0).all(), "no such landmark"
    assert np.array_equal(known, before != 0)
    assert np.isfinite(before).all()


def test_distances_are_those_of_the_image():
    kept = REFERENCE.landmark_set
    pairs = frame_features.measured_pairs(kept)
    assert len(pairs) == 10 + 5 * 2, "fingertips, and to the corners of the mouth"
    frames = np.random.default_rng(0).uniform(0.2, 0.8, (1, 2, len(kept), 2))
    frames[0, 1, kept.parts["lips"]] = np.nan
    found, known = features_of(frame_features.Distances(pairs), frames)
    first, second = pairs[0]
    expected = np.linalg.norm(frames[0, 0, first] - frames[0, 0, second])
    np.testing.assert_allclose(found[0, 0, 0], expected, rtol=1e-5)
    assert (found[0, 1, 10:] == 0).sum() == 10
    assert np.array_equal(known, found != 0)


IMPORTED = """
import json, sys, keras, gislr.models.serving
for name in json.load(sys.stdin):
    assert keras.saving.get_registered_object(f"gislr>{name}"), name
"""


@pytest.mark.slow
def test_importing_the_serving_module_registers_every_layer_of_a_saved_model():
    own = set()
    for name in MODELS.names():
        model = build(small(name), PADDED)
        own |= {type(found).__name__ for found in model.layers if "gislr" in type(found).__module__}
    assert len(own) > 10
    command = [sys.executable, "-c", IMPORTED]
    subprocess.run(command, input=json.dumps(sorted(own)), text=True, check=True)


def test_landmarks_without_a_nose_cannot_be_centered_on_it():
    with pytest.raises(SettingError, match=r"Use preprocessing=whole"):
        build(small("conv_transformer", centering="nose"), PADDED)
