"""Exported files against the Keras model that they come from."""

import io
import zipfile

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.batches.packing import Layout, layout_for
from gislr.data.preprocessing import pad, preprocess, reference
from gislr.export import PRECISIONS
from gislr.export.graph import read_raw
from gislr.export.litert import litert, submission
from gislr.inference.keras_recognizer import KerasRecognizer
from gislr.inference.litert_recognizer import FIXED_FRAMES, FIXED_SIGNATURE, LiteRTRecognizer
from gislr.models import MODELS
from gislr.models.serving import ClipRows, TrainedModel
from tests.conftest import landmarks_of, whole
from tests.test_models import build, small

SIGNS = ["bee", "cow", "dog"]
WHOLE = whole()
READINGS = [reference(64), WHOLE, whole("competition", "detections", "xyz")]
PADDED = Layout(64, segments=1, packed=False)


def clip(frames, seed=0, hand="left", missing=0.3):
    """A clip in which the hand, the arm and the lips are missing here and there."""
    rng = np.random.default_rng(seed)
    landmarks = landmarks_of(frames, seed, hand=hand)
    seen = frames * (seed % 3) // 2
    other = slice(522, 543) if hand == "left" else slice(468, 489)
    landmarks[:seen, other] = rng.random((seen, 21, 3))
    landmarks[rng.random(frames) < missing, 468:] = np.nan
    landmarks[rng.random(frames) < 0.2, :468] = np.nan
    return landmarks


LENGTHS = (1, 2, 20, 63, 64, 65, 200, 400)
CLIPS = [
    *(clip(frames, frames, hand) for frames in LENGTHS for hand in ("left", "right")),
    clip(64, 1, missing=0.0),
    clip(90, 2, missing=0.0),
    clip(5001, 3),
    landmarks_of(5, hand=None),
]


def trained(name, seed=0, preprocessing=READINGS[0], temperature=1.5, **changes):
    model_settings = small(name, **changes)
    model = build(model_settings, PADDED, seed=seed, preprocessing=preprocessing)
    return TrainedModel(model, model_settings, SIGNS, preprocessing, temperature)


@pytest.mark.slow
@pytest.mark.parametrize(
    "reading",
    READINGS,
    ids=lambda reading: reading.landmarks,
)
@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(1, 700),
    seed=st.integers(0, 1000),
    hand=st.sampled_from(["left", "right"]),
    missing=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
)
def test_the_graph_reads_what_preprocessing_prepares(reading, frames, seed, hand, missing):
    landmarks = clip(frames, seed, hand, missing)
    array, index = pad(preprocess(landmarks, reading), reading)
    raw = keras.ops.convert_to_tensor(landmarks)
    for last in ("own", "padding"):
        layout = layout_for(64, packed=False, last_frame_position=last)
        expected = ClipRows(len(reading.axes), last)(array[None], index[None])
        found = read_raw(raw, reading, layout)
        for name, values in found.items():
            np.testing.assert_allclose(values, expected[name], atol=2e-6, err_msg=name)
    short = read_raw(raw, reading, layout_for(64, packed=True, last_frame_position=last))
    for name, values in short.items():
        np.testing.assert_array_equal(values, found[name][:, : min(frames, 64)], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reading", "changes"),
    [
        *((name, READINGS[0], {}) for name in MODELS.names()),
        ("conv_transformer", WHOLE, {"centering": "nose", "distances": True}),
    ],
)
def test_every_precision_agrees_with_keras(name, reading, changes):
    model = trained(name, preprocessing=reading, **changes)
    expected = KerasRecognizer([model]).probabilities(CLIPS)
    sizes = {}
    for precision, content in zip(PRECISIONS, litert([model], PRECISIONS), strict=True):
        sizes[precision] = len(content)
        found = LiteRTRecognizer(content, SIGNS).probabilities(CLIPS)
        assert np.isfinite(found).all()
        allowed = {"float32": 1e-4, "float16": 5e-3, "int8": 5e-2}[precision]
        np.testing.assert_allclose(found, expected, atol=allowed, err_msg=precision)
        fixed = Interpreter(model_content=content).get_signature_runner(FIXED_SIGNATURE)
        for landmarks, row in zip(CLIPS, found, strict=True):
            if (length := len(landmarks)) <= FIXED_FRAMES:
                padded = np.full((FIXED_FRAMES, 543, 3), 0.5, np.float32)
                padded[:length] = landmarks
                [probabilities] = fixed(inputs=padded, length=np.int32(length)).values()
                np.testing.assert_allclose(probabilities, row, atol=allowed)
    assert max(sizes["int8"], sizes["float16"]) < sizes["float32"]


def test_the_most_exact_model_that_the_competition_allows_is_submitted():
    large, fitting, small_one = bytes(41_000_000), b"fits", b"smaller"
    content = submission([large, fitting, small_one])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["model.tflite"]
        assert archive.read("model.tflite") == fitting
    assert submission([large]) is None


@pytest.mark.release
def test_frames_that_see_padding_see_it_in_the_file_too():
    model = trained("transformer", attention_mask="queries")
    found = LiteRTRecognizer(*litert([model]), SIGNS).probabilities(CLIPS)
    np.testing.assert_allclose(found, KerasRecognizer([model]).probabilities(CLIPS), atol=1e-4)


@pytest.mark.release
def test_several_models_are_averaged():
    models = [trained("transformer", seed=seed) for seed in range(2)]
    found = LiteRTRecognizer(*litert(models), SIGNS).probabilities(CLIPS)
    each = [KerasRecognizer([model]).probabilities(CLIPS) for model in models]
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-4)
    np.testing.assert_allclose(found, KerasRecognizer(models).probabilities(CLIPS), atol=1e-4)


@pytest.mark.slow
def test_onnx_agrees_with_keras():
    pytest.importorskip("tf2onnx")
    from gislr.export.onnx import ONNXRecognizer, onnx

    model = trained("transformer")
    found = ONNXRecognizer(onnx([model]), SIGNS).probabilities(CLIPS)
    np.testing.assert_allclose(found, KerasRecognizer([model]).probabilities(CLIPS), atol=1e-4)
    assert np.isfinite(found).all()
