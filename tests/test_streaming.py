"""Signs of a stream: when they begin and end, in Python and in the page's JavaScript."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gislr.web
from gislr.data.landmarks import LEFT_ARM, POSE_NOSE, RIGHT_ARM, RIGHT_HAND, SHOULDERS
from gislr.inference.streaming import StreamRecognizer, StreamSettings, hand_height

SETTINGS = StreamSettings()
FAR_DOWN = None


class ByPlace:
    """Counts in which part of the image the right hand's wrist is; as in stream_in_node.mjs."""

    def __init__(self, signs="ab", threshold=0.5):
        self.signs, self.rejection_threshold = list(signs), threshold

    def probabilities(self, clips):
        rows = []
        for clip in clips:
            weights = np.ones(len(self.signs))
            for x in clip[:, RIGHT_HAND[0], 0].astype(np.float64):
                if not np.isnan(x):
                    weights[int(np.floor(x * 1000)) % len(self.signs)] += 1
            rows.append(weights / weights.sum())
        return np.array(rows, np.float32)


def frame(y=FAR_DOWN, x=0.5, *, pose=True, forearm=None):
    """A person whose head is 0.3 of the image, with shoulders at 0.6, and a right hand at y."""
    landmarks = np.full((543, 3), np.nan, np.float32)
    if pose:
        landmarks[POSE_NOSE], landmarks[SHOULDERS] = 0.3, 0.6
        landmarks[[LEFT_ARM[0], RIGHT_ARM[0]]], landmarks[[LEFT_ARM[1], RIGHT_ARM[1]]] = 0.9, 1.3
    if forearm is not None:
        landmarks[RIGHT_ARM[1]] = forearm
    if y is not None:
        landmarks[RIGHT_HAND] = x, y, 0
    return landmarks


def found_by(frames, rate=30, recognizer=None, settings=SETTINGS):
    """Returns the events of frames, and at which frame each is told."""
    stream, told = StreamRecognizer(recognizer or ByPlace("a"), settings), []
    for k, landmarks in enumerate(frames):
        told += [(event, k) for event in stream.push(landmarks, k / rate)]
    return told + [(event, len(frames)) for event in stream.finish()]


def test_the_height_of_a_hand_is_measured_in_heads():
    assert hand_height(frame(0.6))[0] == pytest.approx(0)
    assert hand_height(frame(0.3)) == (pytest.approx(1), pytest.approx(0.3), True)
    assert hand_height(frame(1.2))[0] == pytest.approx(-2)
    assert hand_height(frame()) == (-np.inf, pytest.approx(0.3), False)
    assert hand_height(frame(forearm=0.75)) == (pytest.approx(-0.5), pytest.approx(0.3), False)
    assert hand_height(frame(0.9, pose=False)) == (np.inf, 0.2, True)
    assert hand_height(frame(pose=False)) == (-np.inf, 0.2, False)


def test_a_sign_begins_higher_than_it_ends():
    # 1.10 is 1.67 heads below the shoulders: below the line to begin, above the line to end.
    assert not found_by([frame(1.10)] * 60)
    [(event, told)] = found_by([frame(1.0)] * 3 + [frame(1.10)] * 12 + [frame(1.2)] * 9)
    assert (event.start, event.end, event.signs, event.sure) == (0, 14 / 30, ["a"], True)
    # Frame 20 is the first one 0.19 seconds after frame 14.
    assert told == 20


@pytest.mark.parametrize(("frames", "events"), [(9, 0), (10, 1)])
def test_what_is_short_is_no_sign(frames, events):
    # Nine frames last from the first one to 8 / 30 = 0.27 seconds later, ten 0.30.
    assert len(found_by([frame(0.5)] * frames + [frame()] * 9)) == events


@pytest.mark.parametrize(("lost", "events"), [(5, 1), (6, 2)])
def test_a_hand_that_is_lost_for_a_moment_does_not_cut_a_sign(lost, events):
    signs = ByPlace("ab")
    part, other = [frame(0.5, 0.5005)] * 12, [frame(0.5, 0.5015)] * 13
    assert len(found_by(part + [frame()] * lost + other, recognizer=signs)) == events
    raised = [frame(forearm=0.7)] * 30
    assert len(found_by(part + raised + part, recognizer=signs)) == 1


def test_a_still_hand_ends_a_sign_of_which_the_model_is_sure():
    moving = [frame(0.9 - 0.02 * k, 0.5) for k in range(20)]
    [(event, told)] = found_by(moving + [frame(0.52, 0.5)] * 200)
    # It moved more than 0.15 heads (0.045) from where it was at frames 3, 6, 9, 12, 15 and 18. From
    # frame 48 on it has been still for a second; the model looks every 0.2 seconds.
    assert 48 <= told <= 54
    assert event.end == told / 30
    unsure = ByPlace("abc", threshold=0.999)
    [(event, told)] = found_by(moving + [frame(0.52)] * 60 + [frame()] * 9, recognizer=unsure)
    assert (event.sure, told) == (False, 85)


def test_a_sign_follows_another_without_a_pause():
    def waving(x):
        return [frame(0.5 + 0.1 * (k % 2), x) for k in range(30)]

    found = found_by(waving(0.5005) + waving(0.5015) + [frame()] * 9, recognizer=ByPlace("ab"))
    first, second = (event for event, _ in found)
    assert (first.signs[0], second.signs[0]) == ("a", "b")
    assert first.end < second.start
    assert abs(first.end - 1) < 0.4
    assert second.end == 59 / 30


@settings(max_examples=40, deadline=None)
@given(
    rate=st.integers(10, 60),
    before=st.floats(0.1, 2),
    lasts=st.floats(0.6, 3.5),
    after=st.floats(0.4, 2),
    moves=st.booleans(),
    pose=st.booleans(),
)
def test_a_raised_hand_is_one_sign_told_in_time(rate, before, lasts, after, moves, pose):
    before, lasts, after = (round(seconds * rate) for seconds in (before, lasts, after))
    rest = frame(pose=pose)
    signing = [frame(0.5 + 0.1 * (k % 2) * moves, pose=pose) for k in range(lasts)]
    [(event, told)] = found_by([rest] * before + signing + [rest] * after, rate)
    assert event.start == before / rate
    assert event.end <= (before + lasts - 1) / rate
    # One frame at most passes after 0.19 seconds.
    assert (told - (before + lasts)) / rate <= 0.19 + 1 / rate <= 0.3


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([None, 1.15, 1.3, 2.0]), max_size=90), st.booleans())
def test_hands_that_are_down_make_no_sign(heights, still):
    assert not found_by([frame(y) for y in heights])


def random_frames(rng, count):
    """Returns hands that move, rest, get lost and come back, and a pose that does, too."""
    frames, y = [], 1.3
    while len(frames) < count:
        y, x = rng.choice([None, 0.4, 0.9, 1.1, 1.3]), rng.uniform(0.2, 0.8)
        pose, step = rng.random() < 0.9, rng.choice([0.0, 0.02])
        for k in range(rng.integers(1, 40)):
            landmarks = frame(y and y + step * (k % 5), x, pose=pose)
            if rng.random() < 0.1:
                landmarks[RIGHT_HAND] = np.nan
                landmarks[RIGHT_ARM[1]] = rng.uniform(0.5, 1.5)
            frames.append(landmarks)
    return frames[:count]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 999))
def test_events_are_in_order_and_memory_is_bounded(seed):
    rng = np.random.default_rng(seed)
    stream, events, time = StreamRecognizer(ByPlace("abc", 0.4)), [], 0.0
    for landmarks in random_frames(rng, 400):
        time += rng.choice([0.001, 0.03, 0.1])
        events += stream.push(landmarks, time)
        assert len(stream._frames) <= SETTINGS.longest_seconds / 0.005 + 1
        assert len(stream._looks) <= SETTINGS.longest_seconds / SETTINGS.look_seconds + 1
    events += stream.finish()
    assert all(event.start < event.end for event in events)
    assert all(one.end < next_one.start for one, next_one in pairwise(events))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_page_finds_the_same_signs(tmp_path):
    rng = np.random.default_rng(0)
    frames = random_frames(rng, 2000)
    times = np.cumsum(rng.choice([0.0, 0.004, 1 / 30, 0.1], len(frames))).tolist()
    recognizer = ByPlace("abcdefg", 0.6)
    stream, events, states = StreamRecognizer(recognizer), [], []
    for landmarks, time in zip(frames, times, strict=True):
        events += stream.push(landmarks, time)
        states.append([stream.signing, stream.candidate and stream.candidate.signs[0]])
    events += stream.finish()
    assert len({event.signs[0] for event in events}) > 4
    assert {event.sure for event in events} == {True, False}
    np.stack(frames).tofile(tmp_path / "frames.bin")
    script = Path(gislr.web.__file__).parent / "files" / "stream.js"
    node = Path(__file__).with_name("stream_in_node.mjs")
    told = {"signs": recognizer.signs, "threshold": 0.6, "times": times}
    done = subprocess.run(
        ["node", node, script, tmp_path / "frames.bin"],
        input=json.dumps(told), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    names = ("start", "end", "signs", "probabilities", "sure")
    assert found["events"] == [{name: getattr(event, name) for name in names} for event in events]
    assert found["states"] == states
