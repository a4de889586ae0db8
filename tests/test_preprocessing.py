"""Every rule of the reference's preprocessing, and its published faults."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.data.landmarks import (
    DOMINANT_HAND,
    LANDMARKS,
    LEFT_ARM,
    LEFT_HAND,
    LIPS,
    RIGHT_ARM,
    RIGHT_HAND,
    other_side,
)
from gislr.data.preprocessing import (
    pad,
    preprocess,
    reference,
    resize_windows,
)
from gislr.utils.errors import DataError
from tests.conftest import landmarks_of, whole


def test_a_frame_keeps_40_lips_21_hand_and_5_arm_landmarks():
    assert len(set(DOMINANT_HAND.left)) == len(set(DOMINANT_HAND.right)) == 66
    assert list(LIPS[:3]) == [61, 185, 40]
    assert list(LIPS[-2:]) == [324, 308]
    assert (LEFT_HAND[0], LEFT_HAND[-1], RIGHT_HAND[0], RIGHT_HAND[-1]) == (468, 488, 522, 542)
    assert list(LEFT_ARM) == [502, 504, 506, 508, 510]
    assert list(RIGHT_ARM) == [503, 505, 507, 509, 511]


def test_a_tie_is_left_and_more_right_values_are_right():
    landmarks = landmarks_of(4)
    landmarks[:, RIGHT_HAND] = 0.5
    assert preprocess(landmarks, reference(64)).left_dominant
    landmarks[0, LEFT_HAND[0], 0] = np.nan
    assert not preprocess(landmarks, reference(64)).left_dominant


def test_only_frames_with_the_dominant_hand_are_kept_and_numbered_from_the_first():
    landmarks = landmarks_of(7)
    landmarks[[0, 1, 4], 468:489] = np.nan
    landmarks[5, 469:489] = np.nan
    clip = preprocess(landmarks, reference(64))
    assert clip.frame_index.tolist() == [0, 1, 3, 4]
    assert np.array_equal(clip.frames[0], landmarks[2][DOMINANT_HAND.left])
    assert np.isnan(clip.frames[2, 41:61]).all(), "what is missing stays NaN"


def test_right_handed_clips_are_mirrored_in_hand_and_arm_only():
    landmarks = landmarks_of(3, hand="right")
    clip = preprocess(landmarks, reference(64))
    read = landmarks[:, DOMINANT_HAND.right]
    assert not clip.left_dominant
    assert np.array_equal(clip.frames[:, :40], read[:, :40])
    assert np.array_equal(clip.frames[:, 40:, 0], 1 - read[:, 40:, 0])
    assert np.array_equal(clip.frames[:, 40:, 1:], read[:, 40:, 1:])


def test_the_input_is_left_as_it_was():
    landmarks = landmarks_of(3, hand="right")
    before = landmarks.copy()
    preprocess(landmarks, reference(64))
    assert np.array_equal(landmarks, before, equal_nan=True)


def test_a_clip_without_a_hand_is_told_apart():
    assert preprocess(landmarks_of(5, hand=None), reference(64)) is None


def test_short_clips_are_padded_with_nan_and_minus_one():
    clip = preprocess(landmarks_of(5), reference(64))
    frames, index = pad(clip, reference(64))
    assert frames.shape == (64, 66, 3)
    assert np.isnan(frames[5:]).all()
    assert index.tolist() == [0, 1, 2, 3, 4] + [-1] * 59


def literal_resize(values: np.ndarray, raw: int, frames: int) -> np.ndarray:
    """The reference's words, step by step: repeat, pad at the edges, cut, average."""
    repeats = max(1, frames**2 // raw)
    repeated = np.repeat(values, repeats, axis=0)
    length = len(repeated)
    window = -(-length // frames)
    padding = frames - length if window == 1 else (window * frames) % length
    left = padding // 2 + frames // 2
    right = padding // 2 + frames // 2 + padding % 2
    repeated = np.concatenate(
        [np.repeat(repeated[:1], left, axis=0), repeated, np.repeat(repeated[-1:], right, axis=0)]
    )
    return np.nanmean(repeated.reshape(frames, -1, *values.shape[1:]).astype(np.float64), axis=1)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@settings(max_examples=60, deadline=None)
@given(kept=st.integers(64, 400), missing=st.integers(0, 4000), seed=st.integers(0, 9))
def test_long_clips_are_averaged_as_the_reference_says(kept, missing, seed):
    raw = kept + missing
    values = np.random.default_rng(seed).random((kept, 3))
    values[values < 0.2] = np.nan
    windows = resize_windows(kept, raw, 64)
    found = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        got = (windows @ np.nan_to_num(values)) / (windows @ found)
    np.testing.assert_allclose(got, literal_resize(values, raw, 64), atol=1e-12)


def test_a_clip_of_64_frames_is_blurred_as_in_the_reference():
    landmarks = landmarks_of(64)
    clip = preprocess(landmarks, reference(64))
    assert clip.frames.shape == (64, 66, 3)
    assert np.abs(clip.frames - landmarks[:, DOMINANT_HAND.left]).max() > 0.1


@pytest.mark.parametrize("frames", [4096, 4097, 5000])
def test_very_long_clips_do_not_crash(frames):
    landmarks = np.full((frames, 543, 3), np.nan, np.float32)
    landmarks[::50, LEFT_HAND] = 0.25
    clip = preprocess(landmarks, reference(64))
    assert clip.frames.shape == (64, 66, 3)
    np.testing.assert_allclose(clip.frames[:, 40:61], 0.25)


def test_other_shapes_are_refused():
    with pytest.raises(DataError, match=r"\[frames, 543, 3\]; got \[4, 66, 3\]"):
        preprocess(np.zeros((4, 66, 3), np.float32), 64)


@pytest.mark.parametrize("landmarks", ["hands", "hand_and_mouth", "both_hands", "competition"])
def test_a_clip_and_its_mirror_image_are_prepared_alike(landmarks):
    settings = whole(landmarks, axes="xyz")
    read = settings.landmark_set.read
    clip = landmarks_of(9, hand="left")
    clip[:3, RIGHT_HAND] = 0.25
    mirrored = np.full_like(clip, np.nan)
    mirrored[:, read] = clip[:, other_side(read)]
    mirrored[..., 0] = 1 - mirrored[..., 0]
    seen, reflected = preprocess(clip, settings), preprocess(mirrored, settings)
    assert (seen.left_dominant, reflected.left_dominant) == (True, False)
    np.testing.assert_allclose(reflected.frames, seen.frames, atol=1e-6)


def test_whole_clips_keep_the_frames_without_a_hand():
    clip = landmarks_of(9)
    clip[[0, 4], 468:489] = np.nan
    settings = whole()
    assert len(preprocess(clip, reference(64)).frames) == 7
    prepared = preprocess(clip, settings)
    assert prepared.frame_index.tolist() == list(range(9))
    assert np.isnan(prepared.frames[4, settings.landmark_set.parts["hand"]]).all()
    assert preprocess(landmarks_of(5, hand=None), settings) is None


@pytest.mark.parametrize("name", LANDMARKS.names())
def test_a_reflection_seen_in_a_mirror_is_the_clip(name):
    kept = LANDMARKS[name]
    assert len(set(kept.left.tolist())) == len(set(kept.right.tolist())) == len(kept)
    assert kept.reflection[kept.reflection].tolist() == list(range(len(kept)))
    assert sorted(k for part in kept.parts.values() for k in range(len(kept))[part]) == list(
        range(len(kept))
    )
    assert {len(kept.left[finger]) for finger in kept.fingers} == {4}
    assert len(LANDMARKS["competition"]) == 118


def test_of_two_hands_that_are_found_often_the_one_that_moves_more_is_dominant():
    clip = landmarks_of(20, hand="left")
    clip[:12, RIGHT_HAND] = np.random.default_rng(0).random((12, 21, 3))
    clip[:, LEFT_HAND] = clip[0, LEFT_HAND]
    by_motion = reference(64).model_copy(update={"dominant_hand": "motion"})
    assert preprocess(clip, reference(64)).left_dominant
    assert not preprocess(clip, by_motion).left_dominant
    clip[9:12, RIGHT_HAND] = np.nan
    assert preprocess(clip, by_motion).left_dominant, "the right hand is found too seldom"
    clip[:, RIGHT_HAND], clip[:, LEFT_HAND] = clip[:, LEFT_HAND], np.nan
    assert not preprocess(clip, by_motion).left_dominant, "the left hand is not found at all"
