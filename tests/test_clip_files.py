"""Clips of every format and layout are the same 543 rows, with NaN for what a file lacks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gislr.data.clip_files import read_clip_file, require_clip
from gislr.data.landmark_layouts import LAYOUTS, layout_for, layout_of
from gislr.data.landmarks import GROUPS, LANDMARKS
from gislr.data.raw_clips import ClipProblem, write_clip
from gislr.utils.errors import DataError, SettingError
from gislr.workflows.predict import clip_files
from tests.conftest import landmarks_of


def of_layout(layout, holistic, axes=3):
    """What a file of a layout holds of Holistic's landmarks; 0.5 where Holistic has none."""
    found = np.full((len(holistic), len(layout), axes), 0.5, np.float32)
    kept = layout.rows >= 0
    found[:, kept] = holistic[:, layout.rows[kept], :axes]
    return found


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_an_array_holds_what_its_layout_says(name, suffix, axes, tmp_path):
    layout, whole = LAYOUTS[name], landmarks_of(5)
    path = tmp_path / f"clip{suffix}"
    array = of_layout(layout, whole, axes)
    np.save(path, array) if suffix == ".npy" else np.savez(path, landmarks=array)
    read = read_clip_file(path)
    has = np.isin(np.arange(543), layout.rows)
    np.testing.assert_array_equal(read[:, has, :axes], whole[:, has, :axes])
    assert np.isnan(read[:, ~has]).all()
    assert np.isnan(read[..., axes:]).all()
    assert layout_for(len(layout)) is layout
    wanted = LANDMARKS["both_hands"].read
    np.testing.assert_array_equal(read_clip_file(path, wanted, span=(1, 4)), read[1:4, wanted])


def test_a_parquet_file_is_cut_too(tmp_path):
    whole = landmarks_of(6)
    write_clip(tmp_path / "clip.parquet", whole)
    np.testing.assert_array_equal(
        read_clip_file(tmp_path / "clip.parquet", span=(2, -1)), whole[2:]
    )


@given(st.permutations(list(GROUPS)), st.integers(0, 3))
def test_a_layout_of_ones_own_in_any_order(order, skipped):
    layout = layout_of([*order[:2], {"skip": skipped}, {order[2]: [3, 1]}])
    assert len(layout) == GROUPS[order[0]][1] + GROUPS[order[1]][1] + skipped + 2
    first = GROUPS[order[2]][0]
    assert layout.rows[-2:].tolist() == [first + 3, first + 1]
    values = np.random.default_rng(0).random((2, len(layout), 2)).astype(np.float32)
    np.testing.assert_array_equal(
        layout.to_holistic(values)[:, layout.rows[layout.rows >= 0], :2],
        values[:, layout.rows >= 0],
    )


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["hand"], "must be one of face, left_hand, pose, right_hand, skip; got 'hand'"),
        (["left_hand", {"left_hand": [0]}], "each once"),
        ([{"skip": 3}], "must name landmarks"),
        ([{"pose": [33]}], "number the landmarks of pose from 0 to 32"),
    ],
)
def test_a_layout_that_cannot_be(groups, message):
    with pytest.raises(SettingError, match=message):
        layout_of(groups)


def test_a_point_of_zeros_is_missing(tmp_path):
    array = np.full((2, 42, 2), 0.5, np.float32)
    array[0, 3] = 0
    np.save(tmp_path / "clip.npy", array)
    read = read_clip_file(tmp_path / "clip.npy")
    assert np.isnan(read[0, GROUPS["left_hand"][0] + 3]).all()
    assert np.count_nonzero(~np.isnan(read)) == 2 * (2 * 42 - 1)


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.zeros((3, 42)), "Arrays of another shape"),
        (np.full((3, 42, 2), "a"), "Arrays of another shape"),
        (np.zeros((3, 7, 2)), "Arrays of 7 landmarks"),
        (np.zeros((0, 42, 2)), "Files without a frame"),
        (np.full((3, 42, 2), 400.0), "Files in pixels"),
        (np.full((3, 42, 2), np.inf), "Files with infinite values"),
        (np.array([{}], object), "Unreadable arrays"),
    ],
)
def test_an_array_that_cannot_be_used(array, kind, tmp_path):
    np.save(tmp_path / "clip.npy", array, allow_pickle=True)
    with pytest.raises(ClipProblem, match=kind):
        read_clip_file(tmp_path / "clip.npy")


def test_an_array_of_another_layout_than_the_one_described(tmp_path):
    np.save(tmp_path / "clip.npy", np.full((5, 42, 2), 0.5))
    with pytest.raises(ClipProblem) as caught:
        read_clip_file(tmp_path / "clip.npy", layout=LAYOUTS["hands_and_pose"])
    assert caught.value.remedy == "data.layout describes 75; correct it."


@pytest.mark.parametrize("span", [(0, 9), (5, -1), (7, 8)])
def test_a_span_outside_of_its_file(span, tmp_path):
    np.save(tmp_path / "clip.npy", np.full((5, 42, 2), 0.5))
    with pytest.raises(ClipProblem, match="behind the last frame"):
        read_clip_file(tmp_path / "clip.npy", span=span)


def test_a_folder_to_predict_holds_files_of_any_format(tmp_path):
    np.save(tmp_path / "a.npy", np.full((5, 42, 2), 0.5))
    write_clip(tmp_path / "b.parquet", landmarks_of(2))
    (tmp_path / "notes.txt").touch()
    found = clip_files([str(tmp_path)])
    assert [path.name for path in found] == ["a.npy", "b.parquet"]
    assert [require_clip(path).shape for path in found] == [(5, 543, 3), (2, 543, 3)]
    with pytest.raises(DataError, match=r"notes: files of an unknown format\. Landmarks are read"):
        require_clip(tmp_path / "notes.txt", "notes")


def test_files_of_no_known_format(tmp_path):
    (tmp_path / "clip.txt").write_text("")
    (tmp_path / "clip.npz").write_bytes(b"PK\3\4")
    for name, kind in (("clip.txt", "unknown format"), ("clip.npz", "Unreadable arrays")):
        with pytest.raises(ClipProblem, match=kind):
            read_clip_file(tmp_path / name)


def test_a_pose_file(tmp_path):
    pose_format = pytest.importorskip("pose_format")
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import (
        PoseHeader,
        PoseHeaderComponent,
        PoseHeaderDimensions,
    )

    def component(name, points):
        return PoseHeaderComponent(name, points, [], [], "XYZC")

    header = PoseHeader(
        version=0.2,
        dimensions=PoseHeaderDimensions(width=200, height=100, depth=0),
        components=[
            component("POSE_LANDMARKS", [f"P{k}" for k in range(33)]),
            component("FACE_LANDMARKS", ["61", "291"]),
            component("LEFT_HAND_LANDMARKS", [f"H{k}" for k in range(21)]),
            component("POSE_WORLD_LANDMARKS", [f"P{k}" for k in range(33)]),
        ],
    )
    whole = landmarks_of(4)
    rows = [*range(489, 522), 61, 291, *range(468, 489), *range(489, 522)]
    data = whole[:, None, rows] * np.array([200, 100, 1], np.float32)
    confidence = np.ones(data.shape[:3], np.float32)
    confidence[2, 0, 0] = 0
    body = NumPyPoseBody(25, data, confidence)
    with (tmp_path / "clip.pose").open("wb") as file:
        pose_format.Pose(header, body).write(file)
    read = read_clip_file(tmp_path / "clip.pose")
    expected = np.full_like(whole, np.nan)
    expected[:, rows] = whole[:, rows]
    expected[2, 489] = np.nan
    np.testing.assert_allclose(read, expected, rtol=1e-6)
