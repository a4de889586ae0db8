"""Joint training on two sets of clips (`data.also`), with a head for the signs of each."""

import numpy as np
import pandas as pd
import pytest

import gislr
from gislr.batches import JointBatches, Layout, TrainingBatches
from gislr.batches.assembly import EMPTY
from gislr.config.tracking_settings import TrackingSettings
from gislr.data.kaggle_folder import read_asl_signs
from gislr.inference.logged_models import trained_model
from gislr.tracking.run_search import find_run
from gislr.training.heads import metrics, own_logits, smoothed
from gislr.training.losses import LOSSES
from gislr.utils.errors import GislrError, SettingError
from tests.commands import TINY
from tests.conftest import configured, make_store, separable_clips, write_folder

HEADS = [2, 3]


def test_a_clip_is_classified_among_the_signs_of_its_own_head():
    logits = np.array([[9.0, 1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 9.0, 9.0, 9.0]], np.float32)
    labels = np.array([3, 1])
    # ln(e^0 + e^2 + e^1) - 2 and ln(e^0 + e^1) - 1
    by_hand = [np.log(1 + np.e**2 + np.e) - 2, np.log(1 + np.e) - 1]
    for given in (labels, np.eye(5, dtype=np.float32)[labels]):
        loss = configured(LOSSES, "crossentropy", label_smoothing=0.0).build(*HEADS)
        np.testing.assert_allclose(np.asarray(loss(given, logits)), by_hand, rtol=1e-5)
        accuracy, top_5, _ = metrics(HEADS, soft_labels=given.ndim == 2)
        accuracy.update_state(given, logits)
        assert float(np.asarray(accuracy.result())) == 1
        assert top_5.name == "top_5_acc"


def test_labels_are_smoothed_over_their_own_head():
    soft = np.eye(5, dtype=np.float32)[[3, 1]]
    expected = [[0, 0, 0.1, 0.8, 0.1], [0.15, 0.85, 0, 0, 0]]
    np.testing.assert_allclose(np.asarray(smoothed(soft, 0.3, HEADS)), expected, atol=1e-6)
    loss = configured(LOSSES, "crossentropy", label_smoothing=0.3).build(*HEADS)
    found = np.asarray(loss(np.array([3, 1]), np.zeros((2, 5), np.float32)))
    np.testing.assert_allclose(found, [np.log(3), np.log(2)], rtol=1e-5)


def test_an_empty_segment_costs_a_finite_amount():
    logits = np.asarray(own_logits(np.zeros((1, 5), np.float32), np.ones((1, 5)), HEADS))
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("has_teachers", [False, True])
def test_a_batch_holds_both_sets(tmp_path, has_teachers):
    own = make_store(tmp_path / "own", [5, 6, 7, 8], signs=2)
    other = make_store(tmp_path / "other", [9, 4, 5, 6, 7, 8], seed=1, signs=3)
    layout = Layout(64, segments=4, packed=True)
    taught = np.eye(2, dtype=np.float32)[own.clips.labels] * 0.8 + 0.1 if has_teachers else None
    one, also = (
        TrainingBatches(
            store,
            np.arange(len(store.clips)),
            layout,
            samples_per_class=2,
            frame_masking=0.0,
            seed=1,
            soft_labels=soft_labels,
        )
        for store, soft_labels in ((own, taught), (other, None))
    )
    batches = JointBatches(one, also)
    assert batches.batch_size == 2 * 2 + 2 * 3
    assert batches.steps_per_epoch == 1
    batch = batches.batch(0, 0)
    used = batch.clips != EMPTY
    expected = np.concatenate([own.clips.labels, other.clips.labels + 2])
    np.testing.assert_array_equal(batch.labels[used], expected[batch.clips[used]])
    assert batches.paths[batch.clips[used]].shape == (10,)
    if has_teachers:
        assert batch.soft_labels.shape == (*batch.labels.shape, 5)
        of_heads = np.add.reduceat(batch.soft_labels[used], [0, 2], axis=1)
        np.testing.assert_allclose(of_heads[:, 0], batch.labels[used] < 2, atol=1e-6)
        np.testing.assert_allclose(of_heads.sum(axis=1), 1, atol=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("joint"), separable_clips())


@pytest.fixture(scope="module")
def own(folder, workplace):
    return ["data=asl_signs", f"data.root={folder}", *workplace[2:], *TINY]


@pytest.fixture(scope="module")
def also(folder):
    """The clips of the folder once more, as a manifest whose signs and signers have other names."""
    listing = read_asl_signs(folder)
    table = pd.DataFrame(
        {
            "path": listing.paths,
            "sign": [f"other{label}" for label in listing.labels],
            "signer": [f"x{signer}" for signer in listing.signers],
        }
    )
    table.to_csv(folder / "also.csv", index=False)
    return folder / "also.csv"


@pytest.mark.slow
def test_a_joint_training_keeps_its_own_signs_and_leaks_nothing(own, also, workplace, caplog):
    caplog.set_level("INFO", logger="gislr")
    joint = [f"data.also={also}", "arcface.weight=0.1", "loss.label_smoothing=0.1"]
    run_id = gislr.train(*own, *joint).run_id
    # The files of the signer held out are left out under whatever name.
    assert "also: 32 clips, 4 signs, 4 signers" in caplog.text
    assert "8 held out like those of the data" in caplog.text
    settings = TrackingSettings(uri=workplace[-1].partition("=")[2], experiment="x", run_name=None)
    run = find_run(settings, run_id)
    assert run.tags["data.also.fingerprint"] != run.tags["data.fingerprint"]
    assert trained_model(run).signs == ["sign0", "sign1", "sign2", "sign3"]
    assert 0 <= run.metrics["val_acc"] <= 1
    # Whoever starts from it on the other data must not validate on clips that it has learned.
    with pytest.raises(GislrError, match=r"model\.from must not know the clips held out"):
        gislr.train(
            "data=clips",
            f"data.manifest={also}",
            *workplace[2:],
            *TINY,
            "split.seed=7",
            f"model.from={run_id}",
        )


def test_data_also_needs_clips_that_are_not_held_out(own, also):
    table = pd.read_csv(also)
    table["split"] = "test"
    table.to_csv(also.with_name("tests.csv"), index=False)
    with pytest.raises(SettingError, match=r"data\.also must hold clips that are not held out"):
        gislr.train(*own, f"data.also={also.with_name('tests.csv')}")
