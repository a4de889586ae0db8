"""The embedded sample looks like the real files, and equal settings give equal landmarks."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gislr.data.kaggle_folder import read_asl_signs
from gislr.data.landmarks import LEFT_HAND, LIPS, RIGHT_HAND
from gislr.data.preprocessing import preprocess, reference
from gislr.data.raw_clips import read_clip
from gislr.data.simulation import SimulationSettings, folder, write_folder
from gislr.data.simulation.signers import draw_signers
from gislr.utils.errors import SettingError
from gislr.utils.settings import read_settings

SETTINGS = SimulationSettings(signs=5, signers=4, clips=40, seed=3)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    root = tmp_path_factory.mktemp("sample") / "data"
    write_folder(root, SETTINGS)
    return root


def clips_of(root):
    listing = read_asl_signs(root)
    return listing, [read_clip(root / path) for path in listing.paths]


def test_files_have_the_real_columns_and_types(sample):
    path = next(iter((sample / "train_landmark_files").rglob("*.parquet")))
    table = pq.read_table(path)
    assert table.schema.names == ["frame", "row_id", "type", "landmark_index", "x", "y", "z"]
    assert table.schema.types == [
        pa.int16(),
        pa.string(),
        pa.string(),
        pa.int16(),
        *[pa.float64()] * 3,
    ]
    rows = table.slice(0, 543).to_pylist()
    assert [row["type"] for row in rows] == [
        *["face"] * 468,
        *["left_hand"] * 21,
        *["pose"] * 33,
        *["right_hand"] * 21,
    ]
    assert rows[470]["row_id"] == f"{rows[0]['frame']}-left_hand-2"
    assert rows[0]["frame"] > 0
    frames = np.asarray(table.column("frame").to_pylist())[::543]
    assert (np.diff(frames) > 0).all()


def test_what_was_not_found_is_null_a_whole_hand_or_face_at_a_time(sample):
    for path in read_asl_signs(sample).paths:
        table = pq.read_table(sample / path)
        values = table.column("x").combine_chunks()
        assert not np.isnan(values.drop_null().to_numpy()).any()
        missing = np.asarray(values.is_null()).reshape(-1, 543)
        for group in (slice(0, 468), slice(468, 489), slice(489, 522), slice(522, 543)):
            whole = missing[:, group].all(axis=1)
            assert (whole | ~missing[:, group].any(axis=1)).all()
        assert not missing[:, 489:522].any(), "the pose is always found"


def test_the_listing_and_the_label_map_fit(sample):
    with (sample / "train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    label_map = json.loads((sample / "sign_to_prediction_index_map.json").read_text())
    assert len(rows) == 40
    assert list(label_map) == sorted(label_map)
    assert {row["sign"] for row in rows} == set(label_map)
    assert len({row["participant_id"] for row in rows}) == 4


def test_equal_settings_give_equal_landmarks_and_other_seeds_others(tmp_path):
    few = {"signs": 5, "signers": 4, "clips": 10}
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        write_folder(tmp_path / name, SimulationSettings(**few, seed=seed))
    first, again, changed = (clips_of(tmp_path / name)[1] for name in ("first", "again", "other"))
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, again, strict=True))
    assert not all(
        a.shape == b.shape and np.array_equal(a, b, equal_nan=True)
        for a, b in zip(first, changed, strict=True)
    )


@pytest.mark.slow
def test_lengths_and_detection_follow_the_real_distribution():
    """Raw frames: median 21, mean 37.7, 75% 43, 95% 139; kept frames: mean 20.1."""
    settings = SimulationSettings(signs=20, signers=12, clips=1200, seed=42)
    signers = draw_signers(settings.signers, settings.seed)
    plan = folder.plan_clips(settings)
    clips = [folder.simulate_planned(clip, signers, settings.seed) for clip in plan[::4]]
    raw = np.array([len(clip.frames) for clip in clips])
    assert 16 <= np.median(raw) <= 27
    assert 30 <= raw.mean() <= 46
    assert 33 <= np.percentile(raw, 75) <= 55
    assert 100 <= np.percentile(raw, 95) <= 190
    assert raw.min() >= 1
    assert raw.max() <= 600
    prepared = [preprocess(clip.landmarks.astype(np.float32), reference(64)) for clip in clips]
    kept = np.array([0 if clip is None else len(clip.frames) for clip in prepared])
    assert 15 <= kept.mean() <= 26
    faces = np.concatenate([np.isnan(clip.landmarks[:, LIPS, 0]).all(axis=1) for clip in clips])
    assert 0 < faces.mean() < 0.03


def test_some_clips_have_no_hand_and_left_handed_signers_use_the_left():
    settings = SimulationSettings(signs=20, signers=12, clips=1200, seed=42)
    assert sum(not clip.hands_found for clip in folder.plan_clips(settings)) >= 1
    signers = draw_signers(40, 0)
    assert 0 < sum(signer.left_handed for signer in signers) < 20
    plan = folder.plan_clips(SimulationSettings(signs=5, signers=40, clips=200, seed=0))
    for clip in plan[:80]:
        landmarks = folder.simulate_planned(clip, signers, 0).landmarks
        left, right = (
            np.count_nonzero(~np.isnan(landmarks[:, hand])) for hand in (LEFT_HAND, RIGHT_HAND)
        )
        if signers[clip.signer].left_handed:
            assert left >= right
        elif right:
            assert right > left


def test_a_folder_that_cannot_be_finished_is_not_there(tmp_path):
    written = []

    def stop(count):
        written.append(count)
        if len(written) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "data", SETTINGS, stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"signs": 1}, {"signs": 1000}, {"signers": 0}, {"clips": 0}, {"seed": -1}]
)
def test_settings_out_of_range_are_told(wrong):
    values = {"signs": 5, "signers": 4, "clips": 40, "seed": 3, **wrong}
    with pytest.raises(SettingError, match=f"data.{next(iter(wrong))} must be"):
        read_settings(SimulationSettings, values, "data")
