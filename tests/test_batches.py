"""Balanced sampling, packing, and what a batch holds."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.batches.assembly import EMPTY, assemble, choose_frames, frame_positions
from gislr.batches.packing import Layout, bucketed, layout_for, pack
from gislr.batches.sampling import BalancedSampler
from gislr.batches.sequences import OrderedBatches, TrainingBatches, gather
from gislr.utils.errors import SettingError
from tests.conftest import make_store

PACKED = layout_for(64, packed=True)
PADDED = layout_for(64, packed=False)
LENGTHS = [1, 64, 2, 30, 7, 64, 13, 5, 21, 40, 1, 17]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store") / "store", LENGTHS)


@settings(max_examples=50, deadline=None)
@given(
    labels=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    samples_per_class=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_every_sign_comes_equally_often(labels, samples_per_class, seed):
    labels = np.array(labels, np.int32)
    sampler = BalancedSampler(labels, samples_per_class)
    drawn = labels[sampler.draw(np.random.default_rng(seed))]
    assert len(drawn) == sampler.batch_size
    present, counts = np.unique(drawn, return_counts=True)
    assert set(present) == set(labels)
    assert (counts == samples_per_class).all()


def test_every_clip_of_a_sign_is_drawn_equally_often():
    labels = np.array([0, 1, 0, 1, 1, 0, 0], np.int32)
    sampler = BalancedSampler(labels, 50)
    rng = np.random.default_rng(0)
    counts = np.bincount(np.concatenate([sampler.draw(rng) for _ in range(100)]))
    np.testing.assert_allclose(counts[labels == 0], 1250, rtol=0.15)
    np.testing.assert_allclose(counts[labels == 1], 1667, rtol=0.15)


@pytest.mark.parametrize(("class_balance", "share"), [(0.0, 0.9), (0.5, 0.75), (0.999999, 0.5)])
def test_signs_come_as_often_as_the_balance_says(class_balance, share):
    labels = np.repeat(np.array([0, 1], np.int32), [90, 10])
    sampler = BalancedSampler(labels, 50, class_balance)
    drawn = np.concatenate([sampler.draw(np.random.default_rng(k)) for k in range(200)])
    assert len(drawn) == 200 * 100
    assert np.mean(labels[drawn] == 0) == pytest.approx(share, abs=0.02)
    assert len(np.unique(drawn)) == 100, "every clip is drawn"


@pytest.mark.parametrize("size", [1, 7, 300])
def test_a_batch_of_a_size_draws_signs_by_the_balance(size):
    labels = np.repeat(np.array([0, 1, 3], np.int32), [80, 15, 5])
    sampler = BalancedSampler(labels, 4, 1.0, size)
    drawn = [sampler.draw(np.random.default_rng(k)) for k in range(9000 // size)]
    assert {len(batch) for batch in drawn} == {size} == {sampler.batch_size}
    often = np.bincount(labels[np.concatenate(drawn)], minlength=4) / sum(map(len, drawn))
    np.testing.assert_allclose(often, [1 / 3, 1 / 3, 0, 1 / 3], atol=0.03)


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 64), max_size=200),
    segments=st.integers(1, 16),
)
def test_clips_never_overlap_and_rows_are_never_too_long(lengths, segments):
    lengths = np.array(lengths, np.int64)
    placement = pack(lengths, Layout(64, segments, packed=True))
    owner = np.full((placement.rows, 64), -1)
    for clip, length in enumerate(lengths):
        cells = owner[placement.row[clip], placement.start[clip] : placement.start[clip] + length]
        assert len(cells) == length
        assert (cells == -1).all()
        cells[:] = clip
    pairs = set(zip(placement.row.tolist(), placement.segment.tolist(), strict=True))
    assert len(pairs) == len(lengths)
    assert placement.segment.max(initial=0) < segments
    assert (owner != -1).any(axis=1).all(), "no row is empty"


def test_rows_of_real_lengths_are_at_least_95_percent_full():
    rng = np.random.default_rng(0)
    for _ in range(20):
        lengths = np.clip(rng.lognormal(2.55, 0.8, 1000), 1, 64).astype(np.int64)
        rows = bucketed(pack(lengths, PACKED).rows, PACKED)
        assert lengths.sum() / (rows * 64) >= 0.95


def test_rows_come_in_few_sizes():
    sizes = {bucketed(rows, PACKED) for rows in range(220, 260)}
    assert len(sizes) <= 11
    assert all(rows <= bucketed(rows, PACKED) <= rows * 33 / 32 + 1 for rows in range(1, 5000))
    assert bucketed(13, layout_for(64, packed=False)) == 13
    assert {
        bucketed(rows, layout_for(64, packed=True, devices=3)) % 3 for rows in range(1, 500)
    } == {0}


def test_a_clip_that_does_not_fit_is_refused():
    with pytest.raises(SettingError, match="1 to 64 frames"):
        pack(np.array([65]), PACKED)


def test_positions_are_the_references():
    index = np.array([0, 1, 3, 7, 0, 0, 40, 41], np.float32)
    got = frame_positions(index, np.array([4, 1, 3]), 64, "padding")
    assert got.tolist() == [0, 9, 27, 64, 0, 0, 62, 64]


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 64), min_size=1, max_size=20), most_frames=st.integers(2, 400)
)
def test_no_frame_shares_the_position_of_padding(lengths, most_frames):
    lengths = np.array(lengths)
    index = np.concatenate([np.arange(n, dtype=np.float32) for n in lengths])
    own = frame_positions(index, lengths, most_frames)
    reference = frame_positions(index, lengths, most_frames, "padding")
    last = np.cumsum(lengths) - 1
    others = np.delete(np.arange(len(index)), last)
    np.testing.assert_array_equal(own[others], reference[others])
    assert own[last].tolist() == [0 if n == 1 else most_frames - 1 for n in lengths]
    assert own.max() < most_frames


def test_the_layout_decides_the_position_of_the_last_frame(store):
    clips = np.arange(len(LENGTHS))
    own = assemble(store, clips, PACKED)
    reference = assemble(store, clips, layout_for(64, packed=True, last_frame_position="padding"))
    assert (own.position[own.segment_ids > 0] < 64).all()
    differ = own.position != reference.position
    assert differ.sum() == sum(length > 1 for length in LENGTHS)
    assert (reference.position[differ] == 64).all()
    assert (own.position[differ] == 63).all()


def test_masking_drops_the_asked_share_and_never_a_whole_clip():
    lengths = np.array([1] * 500 + [20] * 500)
    kept = choose_frames(lengths, 0.25, np.random.default_rng(0))
    assert kept[:500].all(), "a clip whose only frame is masked keeps it"
    assert abs(kept[500:].mean() - 0.75) < 0.02
    assert choose_frames(lengths, 0.25, None).all()


def frames_of(store, batch, clip):
    row, segment_ids = np.argwhere(batch.clips == clip)[0]
    return batch.frames[row][batch.segment_ids[row] == segment_ids + 1]


@pytest.mark.parametrize("layout", [PACKED, PADDED])
def test_a_batch_holds_each_clips_frames_once(store, layout):
    clips = np.arange(len(LENGTHS))
    batch = assemble(store, clips, layout)
    for clip in clips:
        expected = store.frames[store.offsets[clip] : store.offsets[clip + 1], :, :2]
        assert np.array_equal(frames_of(store, batch, clip), expected)
        row, segment_ids = np.argwhere(batch.clips == clip)[0]
        assert batch.labels[row, segment_ids] == store.clips.labels[clip]
    assert np.isnan(batch.frames[batch.segment_ids == 0]).all()
    assert (batch.position[batch.segment_ids == 0] == 64).all()
    assert np.count_nonzero(batch.segment_ids) == sum(LENGTHS)


def test_masked_frames_are_left_out_of_packed_rows_but_stay_in_padded_ones(store):
    clips = np.array([1, 5])
    packed = assemble(store, clips, PACKED, frame_masking=0.5, generator=np.random.default_rng(3))
    padded = assemble(store, clips, PADDED, frame_masking=0.5, generator=np.random.default_rng(3))
    assert np.count_nonzero(packed.segment_ids) == np.count_nonzero(padded.segment_ids) < 100
    assert not np.isnan(padded.frames).any(), "masked frames stay in their places"
    for clip in clips:
        assert np.array_equal(frames_of(store, packed, clip), frames_of(store, padded, clip))


def test_weights_make_the_mean_over_slots_that_over_clips(store):
    batch = assemble(store, np.arange(len(LENGTHS)), PACKED)
    values = np.random.default_rng(0).random(batch.clips.shape)
    expected = values[batch.clips != EMPTY].mean()
    np.testing.assert_allclose((values * batch.weights()).mean(), expected, rtol=1e-6)


def training_batches(store, seed=7, layout=PACKED):
    return TrainingBatches(
        store,
        np.arange(1, len(LENGTHS)),
        layout,
        samples_per_class=3,
        frame_masking=0.25,
        seed=seed,
    )


def arrays_of(batch):
    return [batch.frames, batch.position, batch.segment_ids, batch.labels, batch.clips]


def test_the_same_seed_epoch_and_step_give_the_same_batch(store):
    one, two = training_batches(store), training_batches(store)
    two.batch(0, 0)
    for a, b in zip(arrays_of(one.batch(3, 2)), arrays_of(two.batch(3, 2)), strict=True):
        assert np.array_equal(a, b, equal_nan=True)
    for other in (one.batch(3, 1), one.batch(2, 2), training_batches(store, 8).batch(3, 2)):
        assert not np.array_equal(other.clips, one.batch(3, 2).clips)


def test_batches_are_never_written_over(store):
    batches = training_batches(store)
    first = batches.batch(0, 0)
    before = [array.copy() for array in arrays_of(first)]
    others = [batches.batch(0, step) for step in range(1, 4)]
    for array, copy in zip(arrays_of(first), before, strict=True):
        assert np.array_equal(array, copy, equal_nan=True)
        assert not any(np.shares_memory(array, x) for other in others for x in arrays_of(other))


def test_only_the_clips_trained_on_are_drawn(store):
    batches = training_batches(store)
    drawn = np.unique(np.concatenate([batches.batch(0, k).clips.ravel() for k in range(60)]))
    assert drawn.tolist() == [EMPTY, *range(1, len(LENGTHS))]
    assert (batches.batch_size, batches.steps_per_epoch) == (9, 1)


def test_ordered_batches_hold_every_clip_once_and_results_come_back_in_order(store):
    clips = np.random.default_rng(0).permutation(len(LENGTHS))
    batches = OrderedBatches(store, clips, PACKED, batch_size=5)
    got = []
    for step in range(batches.steps):
        batch = batches.batch(step)
        values = np.stack([batch.clips, batch.clips * 10], axis=-1).astype(np.float32)
        got.append(gather(values, batch.clips, batches.clips_of(step)))
    assert np.array_equal(np.concatenate(got), np.stack([clips, clips * 10], axis=-1))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1000), gap=st.integers(1, 16))
def test_clips_lie_apart_on_the_timeline_and_masked_frames_leave_their_places(store, seed, gap):
    layout = layout_for(64, packed=True, gap=gap)
    clips = np.random.default_rng(seed).integers(0, len(LENGTHS), 30)
    options = {"frame_masking": 0.5, "generator": np.random.default_rng(seed)}
    batch = assemble(store, clips, layout, **options)
    for row, segments in enumerate(batch.segment_ids):
        ends = []
        for segment in range(1, segments.max() + 1):
            mine = segments == segment
            places = batch.position[row, mine]
            first = places[0] - within(
                store, batch.clips[row, segment - 1], batch.frames[row, mine]
            )
            ends.append((first, first + store.clips.lengths[batch.clips[row, segment - 1]]))
            assert (np.diff(places) > 0).all()
        ends.sort()
        assert all(start - stop >= gap for (_, stop), (start, _) in pairwise(ends))
        assert ends[0][0] == 0
        assert ends[-1][1] < layout.timeline, "the last place is free"


def within(store, clip, frames):
    """Which frame of its clip the first of some frames is; the others follow in order."""
    own = store.coordinates(np.arange(store.offsets[clip], store.offsets[clip + 1]))
    same = np.isclose(frames[:, None], own, rtol=0, atol=0, equal_nan=True).all(axis=(2, 3))
    found = same.argmax(axis=1)
    assert same[np.arange(len(found)), found].all()
    assert (np.diff(found) > 0).all()
    return found[0]
