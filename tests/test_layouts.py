"""Contracts that hold for data of every landmark layout, whatever it lacks."""

import keras
import numpy as np
import pandas as pd
import pytest

from gislr.batches import TrainingBatches, assemble
from gislr.batches.augmentation import AUGMENTATIONS, read_augmentation
from gislr.data import landmark_statistics as statistics
from gislr.data.landmark_layouts import LAYOUTS, layout_named
from gislr.data.preparation import prepare_clips
from gislr.data.preprocessing import PreprocessingSettings, reference
from gislr.data.sources import SOURCES
from gislr.evaluation.figures.clip_figures import kept_landmarks, strip
from gislr.evaluation.reports.data_page import data_page, suspect_clips
from gislr.models import MODELS, layout_of
from gislr.utils.paths import config_folder
from tests.commands import TINY, gislr_here
from tests.conftest import landmarks_of
from tests.test_models import build, small

OWN = [{"pose": [0, 11, 12]}, "right_hand", {"skip": 2}, "left_hand"]
EVERY = {**dict.fromkeys(LAYOUTS), "own": OWN}
READINGS = {
    "reference": reference(64),
    "hands": reference(64).model_copy(update={"landmarks": "hands"}),
    "whole": PreprocessingSettings(
        name="whole", frames=64, landmarks="both_hands", dominant_hand="motion", axes="xy"
    ),
}
every_reading = pytest.mark.parametrize(
    "reading",
    [
        "reference",
        *(pytest.param(name, marks=pytest.mark.slow) for name in READINGS if name != "reference"),
    ],
)


def write_clips(folder, layout, clips=8):
    """Writes arrays in a layout, and their manifest; two signs by two signers."""
    rows = []
    found = layout_named(layout)
    for clip in range(clips):
        holistic = landmarks_of(5 + clip, clip, hand=("left", "right")[clip % 2])
        array = np.full((len(holistic), len(found), 2), np.nan, np.float32)
        kept = found.rows >= 0
        array[:, kept] = holistic[:, found.rows[kept], :2]
        np.save(folder / f"{clip}.npy", array)
        rows.append([f"{clip}.npy", f"sign{clip // 2 % 2}", f"signer{clip // 4}"])
    pd.DataFrame(rows, columns=["path", "sign", "signer"]).to_csv(folder / "m.csv", index=False)
    return folder / "m.csv"


@pytest.fixture(scope="module", params=EVERY)
def data(request, tmp_path_factory):
    """A listing of clips of each layout."""
    folder = tmp_path_factory.mktemp(request.param)
    layout = EVERY[request.param]
    manifest = write_clips(folder, layout or request.param)
    section = {"name": "clips", "manifest": str(manifest), "root": None, "layout": layout}
    source = SOURCES.read(section)
    return source.listing(None, None), folder / "cache"


def store_of(data, reading):
    listing, cache = data
    return prepare_clips(listing, settings=READINGS[reading], cache=cache, workers=1)


@every_reading
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n == "transformer" else pytest.mark.slow) for n in MODELS.names()],
)
def test_models_learn_from_every_layout_with_every_augmentation(data, name, reading):
    import tensorflow as tf

    store = store_of(data, reading)
    clips = np.arange(len(store.clips))
    measured = statistics.measure(store, clips)
    assert np.isfinite(measured.mean).all()
    layout = layout_of(small(name), store.most_frames)
    batches = TrainingBatches(
        store,
        clips,
        layout,
        samples_per_class=2,
        frame_masking=0.25,
        seed=0,
        augmentation=read_augmentation(every_augmentation()),
    )
    model = build(
        small(name), layout, signs=2, measured=measured, preprocessing=store.preprocessing
    )
    batch = batches.batch(0, 0)
    with tf.GradientTape() as tape:
        logits = model(batch.inputs(), training=True)
        loss = tf.reduce_mean(tf.square(logits))
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    assert np.isfinite(np.asarray(logits)).all()
    for gradient in filter(lambda gradient: gradient is not None, gradients):
        assert np.isfinite(tf.convert_to_tensor(gradient).numpy()).all()
    plain = model(assemble(store, clips, layout).inputs())
    assert np.isfinite(np.asarray(plain)).all()


def every_augmentation():
    import yaml

    found = {}
    for name in AUGMENTATIONS.names():
        file = config_folder() / "augmentation" / f"{name}.yaml"
        found |= yaml.safe_load(file.read_text())
    return found


@pytest.mark.slow
@every_reading
def test_pictures_and_pages_show_every_layout(data, reading):
    store = store_of(data, reading)
    strip({"": kept_landmarks(store, 0)}, "a clip")
    page = data_page("data", store, suspect_clips(store)).html()
    assert "Missing landmarks" in page


@pytest.mark.slow
def test_a_preset_whose_parts_are_missing_says_so(tmp_path):
    manifest = write_clips(tmp_path, "hands")
    command = ["data=clips", f"data.manifest={manifest}", f"preparation.cache={tmp_path / 'cache'}"]
    command += [f"tracking.uri=sqlite:///{tmp_path / 'runs.db'}", *TINY, "split.test_size=0.5"]
    done = gislr_here(*command, "training.epochs=1")
    assert done.returncode == 0, done.stderr
    said = "preprocessing.landmarks=dominant_hand reads lips, pose, which no training clip has"
    assert said in done.stderr + done.stdout
    keras.utils.clear_session()
