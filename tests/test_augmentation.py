"""What augmentation changes, and what it must leave."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.batches import Augmentation, TrainingBatches, assemble, layout_for
from gislr.config.configuration import default_configuration
from gislr.data.landmarks import DOMINANT_HAND, LANDMARKS
from gislr.utils.errors import DataError, SettingError
from gislr.utils.paths import config_folder
from gislr.workflows.view import view_augmentation
from tests.conftest import clip_table, landmarks_of, make_store

LENGTHS = [1, 64, 2, 30, 7, 64, 13, 5, 21, 40, 1, 17]
PACKED = layout_for(64, packed=True, gap=16)


def of_file(name="none", **changes):
    import yaml

    values = yaml.safe_load((config_folder() / "augmentation/none.yaml").read_text())
    named = yaml.safe_load((config_folder() / f"augmentation/{name}.yaml").read_text())
    named.pop("defaults", None)
    return Augmentation(**{**values, **named, **changes})


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"), LENGTHS)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), by=st.floats(0, 3))
def test_a_clip_played_at_another_speed_shows_its_frames_in_order(seed, by):
    lengths = np.array(LENGTHS)
    augmentation = of_file(resample=1.0, resample_by=by)
    new, within = augmentation.resampled(lengths, 64, np.random.default_rng(seed))
    assert new.min() >= 1
    assert new.max() <= 64
    assert (new <= np.rint(lengths * (1 + by)) + 1).all()
    for frames, length in zip(np.split(within, np.cumsum(new)[:-1]), lengths, strict=True):
        assert frames[0] == 0
        assert (np.diff(frames) >= 0).all()
        assert frames[-1] < length
        if len(frames) >= length:
            assert set(frames) == set(range(length)), "no frame is lost from a slower clip"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_spans_leave_out_frames_in_a_row(seed):
    lengths = np.array(LENGTHS)
    kept = of_file(span_masking=1.0, span=0.4).spans(lengths, np.random.default_rng(seed))
    for frames, length in zip(np.split(kept, np.cumsum(lengths)[:-1]), lengths, strict=True):
        left_out = np.flatnonzero(~frames)
        assert len(left_out) <= 0.4 * length
        assert (np.diff(left_out) == 1).all()


def test_landmarks_move_together_and_what_is_missing_stays_so():
    rng = np.random.default_rng(0)
    frames = rng.random((20, 66, 2)).astype(np.float32) + 0.1
    frames[:10, 3] = np.nan
    owner = np.repeat([0, 1], 10)
    augmentation = of_file(affine=1.0, rotation=90.0, scale=1.0, shift=0.2, shear=0.5)
    moved = augmentation.place(frames, owner, 2, DOMINANT_HAND, np.random.default_rng(1))
    assert np.isnan(moved[:10, 3]).all()
    for clip in range(2):
        mine = (owner == clip)[:, None] & (~np.isnan(frames)).all(axis=-1)
        before, after = frames[mine], moved[mine]
        ones = np.concatenate([before, np.ones((len(before), 1), np.float32)], axis=1)
        solution, *_ = np.linalg.lstsq(ones, after, rcond=None)
        np.testing.assert_allclose(ones @ solution, after, atol=1e-5)
        assert np.abs(after - before).max() > 0.05


def test_a_turn_keeps_distances():
    frames = np.random.default_rng(0).random((5, 66, 2)).astype(np.float32) + 0.1
    augmentation = of_file(affine=1.0, rotation=40.0, scale=0.0, shift=0.3, shear=0.0)
    moved = augmentation.place(frames, np.zeros(5, int), 1, DOMINANT_HAND, np.random.default_rng(3))
    before = np.linalg.norm(np.diff(frames, axis=1), axis=-1)
    np.testing.assert_allclose(np.linalg.norm(np.diff(moved, axis=1), axis=-1), before, atol=1e-5)


def test_parts_and_fingers_are_lost_but_never_the_whole_hand():
    frames = np.ones((3, 66, 2), np.float32)
    owner = np.arange(3)
    lost = np.isnan(
        of_file(part_dropout=1.0).place(frames, owner, 3, DOMINANT_HAND, np.random.default_rng(0))
    )
    assert lost[:, DOMINANT_HAND.parts["lips"]].all()
    assert lost[:, DOMINANT_HAND.parts["pose"]].all()
    assert not lost[:, DOMINANT_HAND.parts["hand"]].any()
    lost = np.isnan(
        of_file(finger_dropout=1.0).place(frames, owner, 3, DOMINANT_HAND, np.random.default_rng(0))
    )
    assert lost.all(axis=(0, 2)).sum() == 20
    assert not lost[:, DOMINANT_HAND.parts["hand"].start].any(), "the wrist stays"
    assert sorted(k for finger in DOMINANT_HAND.fingers for k in range(66)[finger]) == list(
        range(41, 61)
    )


def test_without_augmentation_batches_are_what_they_were(store):
    clips = np.arange(len(LENGTHS))
    plain = assemble(store, clips, PACKED, frame_masking=0.25, generator=np.random.default_rng(5))
    batches = [
        TrainingBatches(
            store, clips, PACKED, samples_per_class=4, frame_masking=0.25, seed=5,
            augmentation=augmentation,
        ).batch(0, 0)
        for augmentation in (None, of_file("none"))
    ]  # fmt: skip
    for name in ("frames", "position", "segment_ids", "labels", "clips"):
        np.testing.assert_array_equal(getattr(batches[0], name), getattr(batches[1], name))
    assert plain.fill() > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_standard_augmentation_keeps_every_clip(store, seed):
    clips = np.arange(len(LENGTHS))
    batches = TrainingBatches(
        store, clips, PACKED, samples_per_class=4, frame_masking=0.25, seed=seed,
        augmentation=of_file("standard"),
    )  # fmt: skip
    first, again, second = batches.batch(0, 0), batches.batch(0, 0), batches.batch(0, 1)
    np.testing.assert_array_equal(first.frames, again.frames)
    assert first.frames.tobytes() != second.frames.tobytes()
    assert (first.clips >= 0).sum() == batches.batch_size
    for row, members in enumerate(first.clips):
        assert set(first.segment_ids[row]) - {0} == set(np.flatnonzero(members >= 0) + 1)
    assert np.isfinite(first.frames[first.segment_ids > 0]).mean() > 0.8


def test_what_augmentation_changes_is_drawn(asl_signs, tmp_path):
    clips = sorted(asl_signs.rglob("*.parquet"))[:2]
    overrides = [
        "augmentation=standard",
        "augmentation.mixup=1",
        "augmentation.mirroring=1",
        "preprocessing=whole",
    ]
    pictures = view_augmentation(default_configuration(*overrides), clips, tmp_path)
    assert [path.name for path in pictures] == [f"{clip.stem}_augmented.png" for clip in clips]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    pq.write_table(clip_table(landmarks_of(3, hand=None)), tmp_path / "none.parquet")
    with pytest.raises(DataError, match="must show a hand"):
        view_augmentation(
            default_configuration("augmentation=standard"), [tmp_path / "none.parquet"], tmp_path
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"affine": 1.5}, r"affine is a probability, 0 to 1; got 1\.5"),
        ({"rotation": -1.0}, "rotation must be at least 0"),
        ({"span": 1.0}, "span must be below 1"),
    ],
)
def test_settings_that_cannot_be_used_are_told(changes, message):
    with pytest.raises(SettingError, match=message):
        of_file(**changes)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), least=st.floats(0.1, 1))
def test_a_cropped_clip_is_some_of_its_frames_in_a_row(seed, least):
    lengths = np.array(LENGTHS)
    kept = of_file(crop=1.0, crop_to=least).spans(lengths, np.random.default_rng(seed))
    for frames, length in zip(np.split(kept, np.cumsum(lengths)[:-1]), lengths, strict=True):
        left = np.flatnonzero(frames)
        assert len(left) >= least * length
        assert (np.diff(left) == 1).all()


def test_a_mirrored_clip_is_the_clip_again_when_mirrored_twice():
    kept = LANDMARKS["both_hands"]
    frames = np.random.default_rng(0).random((5, len(kept), 3)).astype(np.float32) + 0.1
    frames[2, kept.parts["hand"]] = np.nan
    owner, once = np.zeros(5, int), of_file(mirroring=1.0)
    seen = once.place(frames, owner, 1, kept, np.random.default_rng(0))
    assert np.isnan(seen[2, kept.parts["other_hand"]]).all()
    np.testing.assert_allclose(seen[0, kept.parts["other_hand"], 0], 1 - frames[0, 40:61, 0])
    np.testing.assert_array_equal(seen[..., 2], frames[:, kept.reflection, 2])
    again = once.place(seen, owner, 1, kept, np.random.default_rng(0))
    np.testing.assert_allclose(again, frames, atol=1e-6)


def test_parts_are_taken_from_clips_of_the_same_sign():
    labels = np.array([2, 0, 1, 0, 2, 2], np.int32)
    giver, taken = of_file(part_mixing=1.0).mixed(labels, DOMINANT_HAND, np.random.default_rng(0))
    assert (labels[giver] == labels).all()
    assert (giver != np.arange(6)).any()
    assert taken[:, DOMINANT_HAND.parts["lips"]].all()
    assert not taken[:, DOMINANT_HAND.parts["hand"]].any()


def test_mixed_parts_come_from_as_far_into_the_other_clip(tmp_path):
    store = make_store(tmp_path, [4, 8], signs=1)
    batch = assemble(
        store, np.array([0, 1]), layout_for(64, packed=False), generator=np.random.default_rng(1),
        augmentation=of_file(part_mixing=1.0),
    )  # fmt: skip
    hand, lips = DOMINANT_HAND.parts["hand"], DOMINANT_HAND.parts["lips"]
    first, second = store.frames[:4, :, :2], store.frames[4:, :, :2]
    np.testing.assert_allclose(batch.frames[0, :4, hand], first[:, hand], atol=1e-6)
    of_itself = np.allclose(batch.frames[0, :4, lips], first[:, lips], atol=1e-6)
    expected = first if of_itself else second[::2]
    np.testing.assert_allclose(batch.frames[0, :4, lips], expected[:, lips], atol=1e-6)
    stretched = np.repeat(first[:, lips], 2, axis=0)
    assert not of_itself or np.allclose(batch.frames[1, :8, lips], stretched, atol=1e-6)


def test_blended_clips_show_two_signs_in_the_shares_of_the_blend(tmp_path):
    store = make_store(tmp_path, [6, 6, 6, 6], signs=2)
    layout = layout_for(64, packed=False)
    batch = assemble(
        store, np.arange(4), layout, generator=np.random.default_rng(3),
        augmentation=of_file(mixup=1.0),
    )  # fmt: skip
    assert batch.targets.shape == (4, 1, 2)
    np.testing.assert_allclose(batch.targets.sum(axis=-1), 1, atol=1e-6)
    shares = batch.targets[:, 0].max(axis=-1)
    assert ((shares > 0.5) & (shares < 1)).any()
    plain = assemble(store, np.arange(4), layout)
    assert plain.targets is None
    clip = int(np.argmin(shares))
    share = batch.targets[clip, 0, store.clips.labels[clip]]
    others = (batch.frames[clip, :6] - share * plain.frames[clip, :6]) / (1 - share)
    assert min(np.abs(others - plain.frames[other, :6]).max() for other in range(4)) < 1e-4
