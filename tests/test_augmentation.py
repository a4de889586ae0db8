"""What augmentation changes, and what it must leave."""

from dataclasses import fields, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.batches import TrainingBatches, assemble, layout_for
from gislr.batches.augmentation import AUGMENTATIONS, STAGES, read_augmentation
from gislr.batches.clip_batch import ClipBatch
from gislr.config.configuration import default_configuration
from gislr.data.landmarks import DOMINANT_HAND, LANDMARKS
from gislr.utils.errors import DataError, SettingError
from gislr.utils.paths import config_folder
from gislr.workflows.view import view_augmentation
from tests.conftest import clip_table, landmarks_of, make_store

LENGTHS = [1, 64, 2, 30, 7, 64, 13, 5, 21, 40, 1, 17]
PACKED = layout_for(64, packed=True, gap=16)
NAMES = AUGMENTATIONS.names()


def values_of(name, **changes):
    import yaml

    values = yaml.safe_load((config_folder() / f"augmentation/{name}.yaml").read_text())
    return {name: {**values[name], **changes}}


def transform(name, probability=1.0, **changes):
    [found] = read_augmentation(values_of(name, probability=probability or 1.0, **changes))
    return found.model_copy(update={"probability": probability})


def standard():
    return default_configuration("augmentation=standard").augmentation


def clip_batch(lengths=LENGTHS, seed=0, landmarks=DOMINANT_HAND, axes=2, missing=0.2):
    """Clips of random frames, in which some landmarks are missing."""
    rng = np.random.default_rng(seed)
    frames = rng.random((sum(lengths), len(landmarks), axes), np.float32) + np.float32(0.1)
    frames[rng.random(frames.shape[:2]) < missing] = np.nan
    return ClipBatch(
        frames=frames,
        frame_index=np.concatenate([np.arange(n, dtype=np.float32) for n in lengths]),
        valid=np.ones(len(frames), bool),
        lengths=np.array(lengths),
        most_frames=64,
        landmarks=landmarks,
    )


def apply(name, clips, seed=0, **changes):
    return transform(name, **changes)(clips, np.random.default_rng(seed))


def split(values, lengths):
    return zip(np.split(values, np.cumsum(lengths)[:-1]), lengths, strict=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"), LENGTHS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("landmarks", ["dominant_hand", "both_hands"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), axes=st.sampled_from([2, 3]))
def test_every_transform_keeps_its_promises(name, landmarks, seed, axes):
    clips = clip_batch(seed=seed, landmarks=LANDMARKS[landmarks], axes=axes)
    before = {field.name: getattr(clips, field.name) for field in fields(clips)}
    copies = {key: np.copy(value) for key, value in before.items() if isinstance(value, np.ndarray)}
    assert transform(name).stage in STAGES

    same = apply(name, clips, seed, probability=0.0)
    for key, value in copies.items():
        np.testing.assert_array_equal(getattr(same, key), value, err_msg=key)

    changed, again = apply(name, clips, seed), apply(name, clips, seed)
    for key, value in copies.items():
        np.testing.assert_array_equal(getattr(changed, key), getattr(again, key), err_msg=key)
        np.testing.assert_array_equal(before[key], value, err_msg=f"{key} is written to")
        assert getattr(changed, key).dtype == value.dtype
    total = changed.lengths.sum()
    assert changed.frames.shape == (total, *clips.frames.shape[1:])
    assert changed.frame_index.shape == changed.valid.shape == (total,)
    assert len(changed.lengths) == len(clips)
    assert 1 <= changed.lengths.min() <= changed.lengths.max() <= 64
    assert all(valid.any() for valid, _ in split(changed.valid, changed.lengths))

    nothing = replace(clips, frames=np.full_like(clips.frames, np.nan))
    assert np.isnan(apply(name, nothing, seed).frames).all(), "what is missing stays missing"


def test_transforms_are_applied_in_the_order_of_their_stages():
    sections = {}
    for name in ("part_dropout", "mirroring", "temporal_masking", "temporal_resampling"):
        sections |= values_of(name)
    sections |= values_of("random_affine", probability=0.0)
    found = [type(each).__name__ for each in read_augmentation(sections)]
    assert found == ["TemporalResampling", "TemporalMasking", "Mirroring", "PartDropout"]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), most=st.floats(0, 3))
def test_a_clip_played_at_another_speed_shows_its_frames_in_order(seed, most):
    changed = apply("temporal_resampling", clip_batch(), seed, most=most)
    assert (changed.lengths <= np.rint(np.array(LENGTHS) * (1 + most)) + 1).all()
    for (frames, _), length in zip(
        split(changed.frame_index, changed.lengths), LENGTHS, strict=True
    ):
        assert frames[0] == 0
        assert (np.diff(frames) >= 0).all()
        assert frames[-1] < length
        if len(frames) >= length:
            assert set(frames) == set(range(length)), "no frame is lost from a slower clip"
    source = np.repeat(np.cumsum(LENGTHS) - LENGTHS, changed.lengths) + changed.frame_index
    np.testing.assert_array_equal(changed.frames, clip_batch().frames[source.astype(int)])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_temporal_masking_leaves_out_consecutive_frames(seed):
    changed = apply("temporal_masking", clip_batch(), seed, most=0.4)
    for valid, length in split(changed.valid, LENGTHS):
        left_out = np.flatnonzero(~valid)
        assert len(left_out) <= 0.4 * length
        assert (np.diff(left_out) == 1).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), least=st.floats(0.1, 1))
def test_a_cropped_clip_is_some_of_its_frames_in_a_row(seed, least):
    changed = apply("temporal_crop", clip_batch(), seed, least=least)
    for valid, length in split(changed.valid, LENGTHS):
        left = np.flatnonzero(valid)
        assert len(left) >= least * length
        assert (np.diff(left) == 1).all()


def test_landmarks_move_together_and_missing_ones_stay_missing():
    clips = clip_batch([10, 10])
    moved = apply("random_affine", clips, 1, rotation=90.0, scale=1.0, shift=0.2, shear=0.5).frames
    np.testing.assert_array_equal(np.isnan(moved), np.isnan(clips.frames))
    for clip in range(2):
        mine = (clips.owner == clip)[:, None] & (~np.isnan(clips.frames)).all(axis=-1)
        before, after = clips.frames[mine], moved[mine]
        ones = np.concatenate([before, np.ones((len(before), 1), np.float32)], axis=1)
        solution, *_ = np.linalg.lstsq(ones, after, rcond=None)
        np.testing.assert_allclose(ones @ solution, after, atol=1e-5)
        assert np.abs(after - before).max() > 0.05


def test_a_rotation_keeps_distances_and_the_center():
    clips = clip_batch([5], missing=0.0)
    clips.frames[0, 0] = 0.5
    options = {"rotation": 40.0, "scale": 0.0, "shear": 0.0}
    moved = apply("random_affine", clips, 3, shift=0.3, **options).frames
    before = np.linalg.norm(np.diff(clips.frames, axis=1), axis=-1)
    np.testing.assert_allclose(np.linalg.norm(np.diff(moved, axis=1), axis=-1), before, atol=1e-5)
    turned = apply("random_affine", clips, 3, shift=0.0, **options).frames
    np.testing.assert_allclose(turned[0, 0], 0.5, atol=1e-6)
    assert np.abs(turned - clips.frames).max() > 0.05


def test_parts_and_fingers_are_lost_but_never_the_whole_hand():
    clips = clip_batch([1, 1, 1], missing=0.0)
    lost = np.isnan(apply("part_dropout", clips).frames)
    assert lost[:, DOMINANT_HAND.parts["lips"]].all()
    assert lost[:, DOMINANT_HAND.parts["pose"]].all()
    assert not lost[:, DOMINANT_HAND.parts["hand"]].any()
    lost = np.isnan(apply("finger_dropout", clips).frames)
    assert lost.all(axis=(0, 2)).sum() == 20
    assert not lost[:, DOMINANT_HAND.parts["hand"].start].any(), "the wrist stays"
    assert sorted(k for finger in DOMINANT_HAND.fingers for k in range(66)[finger]) == list(
        range(41, 61)
    )


def test_a_mirrored_clip_is_the_clip_again_when_mirrored_twice():
    kept = LANDMARKS["both_hands"]
    clips = clip_batch([5], landmarks=kept, axes=3, missing=0.0)
    clips.frames[2, kept.parts["hand"]] = np.nan
    once = apply("mirroring", clips)
    assert np.isnan(once.frames[2, kept.parts["other_hand"]]).all()
    np.testing.assert_allclose(
        once.frames[0, kept.parts["other_hand"], 0], 1 - clips.frames[0, 40:61, 0]
    )
    np.testing.assert_array_equal(once.frames[..., 2], clips.frames[:, kept.reflection, 2])
    np.testing.assert_allclose(apply("mirroring", once).frames, clips.frames, atol=1e-6)


def test_without_augmentation_batches_stay_the_same(store):
    clips = np.arange(len(LENGTHS))
    plain = assemble(store, clips, PACKED, frame_masking=0.25, generator=np.random.default_rng(5))
    idle = transform("mirroring", probability=0.0)
    batches = [
        TrainingBatches(
            store, clips, PACKED, samples_per_class=4, frame_masking=0.25, seed=5,
            augmentation=augmentation,
        ).batch(0, 0)
        for augmentation in ((), default_configuration().augmentation, (idle,))
    ]  # fmt: skip
    for other in batches[1:]:
        for name in ("frames", "position", "segment_ids", "labels", "clips"):
            np.testing.assert_array_equal(getattr(batches[0], name), getattr(other, name))
    assert plain.fill() > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_standard_augmentation_keeps_every_clip(store, seed):
    clips = np.arange(len(LENGTHS))
    batches = TrainingBatches(
        store, clips, PACKED, samples_per_class=4, frame_masking=0.25, seed=seed,
        augmentation=standard(),
    )  # fmt: skip
    first, again, second = batches.batch(0, 0), batches.batch(0, 0), batches.batch(0, 1)
    np.testing.assert_array_equal(first.frames, again.frames)
    assert first.frames.tobytes() != second.frames.tobytes()
    assert (first.clips >= 0).sum() == batches.batch_size
    for row, members in enumerate(first.clips):
        assert set(first.segment_ids[row]) - {0} == set(np.flatnonzero(members >= 0) + 1)
    hand = first.frames[first.segment_ids > 0][:, DOMINANT_HAND.parts["hand"].start]
    assert np.isfinite(hand).all(), "the wrist is never lost"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (values_of("random_affine", probability=1.5), "affine.probability must be at most 1; got"),
        (values_of("random_affine", rotation=-1.0), "random_affine.rotation must be at least 0"),
        (values_of("temporal_masking", most=1.0), "temporal_masking.most must be below 1"),
        ({"mirroring": {}}, "augmentation.mirroring.probability is missing"),
        ({"mirrorring": {}}, "augmentation must be one of .*; got 'mirrorring'. Did you mean 'mi"),
        ({"mirroring": 0.5}, "augmentation.mirroring must be a section"),
    ],
)
def test_settings_that_cannot_be_used_are_errors(section, message):
    with pytest.raises(SettingError, match=message):
        read_augmentation(section)


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ([], set()),
        (["augmentation=none"], set()),
        (["augmentation=[standard,temporal_crop]", "~augmentation.part_dropout"], {
            "temporal_resampling", "temporal_crop", "temporal_masking", "random_affine",
            "finger_dropout",
        }),
        (["augmentation=mirroring"], {"mirroring"}),
        (["augmentation=[standard,random_affine]", "augmentation.random_affine.probability=0"], {
            "temporal_resampling", "temporal_masking", "part_dropout", "finger_dropout",
        }),
        (["+experiments=asl_signs_best"], {
            "temporal_resampling", "temporal_masking", "temporal_crop", "random_affine",
            "mirroring", "part_dropout", "finger_dropout",
        }),
    ],
)  # fmt: skip
def test_transforms_are_composed_on_the_command_line(overrides, names):
    found = default_configuration(*overrides).augmentation
    assert {type(each) for each in found} == {AUGMENTATIONS[name] for name in names}


@pytest.mark.slow
def test_what_augmentation_changes_is_drawn(asl_signs, tmp_path):
    clips = sorted(asl_signs.rglob("*.parquet"))[:2]
    overrides = [
        "augmentation=[standard,mirroring]",
        "preprocessing=whole",
    ]
    pictures = view_augmentation(default_configuration(*overrides), clips, tmp_path)
    assert [path.name for path in pictures] == [f"{clip.stem}_augmented.png" for clip in clips]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    pq.write_table(clip_table(landmarks_of(3, hand=None)), tmp_path / "none.parquet")
    with pytest.raises(DataError, match="must contain a hand"):
        view_augmentation(
            default_configuration("augmentation=standard"), [tmp_path / "none.parquet"], tmp_path
        )
