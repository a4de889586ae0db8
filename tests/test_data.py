"""Reading raw clips, the cache, the report's arrays, statistics."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gislr.data import landmark_statistics as statistics
from gislr.data import preparation
from gislr.data.kaggle_folder import read_asl_signs
from gislr.data.landmarks import DOMINANT_HAND
from gislr.data.listing import Listing
from gislr.data.preparation import PreparationSettings
from gislr.data.preprocessing import pad, preprocess, reference
from gislr.data.raw_clips import read_clip
from gislr.data.sources.arrays import Arrays, prepare_arrays
from gislr.data.store import open_store
from gislr.data.store_writer import FrameBlock, write_store
from gislr.utils.errors import DataError, SettingError
from tests.conftest import clip_table, landmarks_of, make_store, separable_clips, write_folder


def prepare(root, cache, **options):
    listing = read_asl_signs(root)
    options = {"workers": 1, **options}
    return preparation.prepare_clips(listing, settings=reference(64), cache=cache, **options)


def test_a_clip_is_read_as_it_was_written(tmp_path):
    landmarks = landmarks_of(4)
    pq.write_table(clip_table(landmarks), tmp_path / "clip.parquet")
    got = read_clip(tmp_path / "clip.parquet")
    assert got.dtype == np.float32
    assert np.array_equal(got, landmarks, equal_nan=True)


def test_the_store_holds_what_preprocessing_gives(asl_signs, tmp_path):
    store = prepare(asl_signs, tmp_path)
    assert (len(store.clips), store.left_out, len(store.all_clips)) == (32, 1, 33)
    assert store.signs == ["sign0", "sign1", "sign2", "sign3"]
    for clip, (signer, sign, landmarks) in enumerate(separable_clips()):
        expected = preprocess(landmarks, reference(64))
        rows = slice(store.offsets[clip], store.offsets[clip + 1])
        assert np.array_equal(store.frames[rows], expected.frames, equal_nan=True)
        assert np.array_equal(store.frame_index[rows], expected.frame_index)
        assert store.clips.signers[clip] == signer
        assert store.signs[store.clips.labels[clip]] == sign
    assert "1 clips without a hand left out" in store.summary()
    assert isinstance(store.frames, np.memmap)


def test_the_cache_is_used_again_and_notices_other_data(asl_signs, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(asl_signs, root)
    first = prepare(root, tmp_path / "cache")
    counted = []
    again = prepare(root, tmp_path / "cache", advance=lambda n: counted.append)
    assert again.folder == first.folder
    assert not counted
    assert (
        preparation.prepare_clips(
            read_asl_signs(root), settings=reference(32), cache=tmp_path / "cache"
        ).folder
        != first.folder
    )
    pq.write_table(clip_table(landmarks_of(6, 99)), root / "train_landmark_files/100/1000.parquet")
    other = prepare(root, tmp_path / "cache")
    assert other.folder != first.folder
    assert other.fingerprint != first.fingerprint


def test_processes_and_a_preparation_that_was_cut_off_give_the_same_bytes(
    asl_signs, tmp_path, monkeypatch
):
    monkeypatch.setattr(preparation, "CLIPS_PER_SHARD", 5)
    one = prepare(asl_signs, tmp_path / "one")
    calls = []

    def killed(*arguments):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(arguments)
        return whole(*arguments)

    whole = preparation.prepare_shard
    monkeypatch.setattr(preparation, "prepare_shard", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(asl_signs, tmp_path / "two")
    monkeypatch.setattr(preparation, "prepare_shard", whole)
    assert not list((tmp_path / "two").glob("*/store.json"))
    done = []
    two = prepare(asl_signs, tmp_path / "two", workers=2, advance=lambda n: done.append)
    assert sum(done) == 33
    for name in ("frames.npy", "frame_index.npy", "clips.npz", "store.json"):
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes()
    assert not list((tmp_path / "two").glob("*.partial"))


@pytest.mark.slow
def test_a_script_prepares_in_processes_without_a_guard_of_its_own(asl_signs, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from gislr.data import preparation\n"
        "from gislr.data.kaggle_folder import read_asl_signs\n"
        "from gislr.data.preprocessing import reference\n"
        "preparation.CLIPS_PER_SHARD = 8\n"
        f"listing = read_asl_signs(Path({str(asl_signs)!r}))\n"
        "store = preparation.prepare_clips(listing, settings=reference(64), "
        f"cache=Path({str(tmp_path / 'cache')!r}), workers=2)\n"
        "print(len(store.clips))\n"
    )
    run = [sys.executable, str(script)]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout) > 8


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lengths=st.lists(st.integers(0, 64), min_size=1, max_size=12).filter(any),
    holes=st.floats(0, 1),
    cut=st.integers(1, 12),
)
def test_what_goes_into_a_store_comes_out(tmp_path, lengths, holes, cut):
    rng = np.random.default_rng(len(lengths))
    clips = [rng.random((n, 66, 3)).astype(np.float32) for n in lengths]
    for clip in clips:
        clip[rng.random(clip.shape[:2]) < holes] = np.nan
    blocks = [
        FrameBlock(
            np.concatenate([np.zeros((0, 66, 3), np.float32), *part]),
            np.concatenate([np.zeros(0, np.float32), *(np.arange(len(c)) for c in part)]),
            np.array([len(c) for c in part], np.int64),
            np.array([len(c) for c in part], np.int64),
            np.ones(len(part), bool),
        )
        for part in (clips[k : k + cut] for k in range(0, len(clips), cut))
    ]
    names = [f"{k}\n\"'é" for k in range(len(clips))]
    target = tmp_path / "store"
    labels = np.arange(len(clips), dtype=np.int32)
    listing = Listing(tmp_path, names, names, labels, names)
    write_store(target, blocks, listing, reference(64), sum(lengths))
    store = open_store(target)
    kept = [k for k, n in enumerate(lengths) if n]
    assert store.clips.paths.tolist() == [names[k] for k in kept]
    assert store.all_clips.signers.tolist() == names == store.signs
    for row, k in enumerate(kept):
        got = store.frames[store.offsets[row] : store.offsets[row + 1]]
        assert np.array_equal(got, clips[k], equal_nan=True)


def test_a_store_that_is_not_whole_is_refused(tmp_path):
    store = make_store(tmp_path / "store", [3, 4])
    (store.folder / "frames.npy").write_bytes((store.folder / "frames.npy").read_bytes()[:-8])
    with pytest.raises(
        DataError, match=r"frames.npy must hold \d+ bytes; it holds \d+. Remove the folder"
    ):
        open_store(store.folder)


def test_no_clip_with_a_hand_is_an_error(tmp_path):
    root = write_folder(tmp_path / "data", [("1", "a", landmarks_of(3, hand=None))])
    with pytest.raises(DataError, match="none of 1 does"):
        prepare(root, tmp_path / "cache")


def edit_listing(root, edit):
    path = root / "train.csv"
    path.write_text(edit(path.read_text()))


def break_label_map(root):
    (root / "sign_to_prediction_index_map.json").write_text('{"a": 0, "b": 2}')


def outside_link(root):
    target = root.parent / "outside.parquet"
    pq.write_table(clip_table(landmarks_of(2)), target)
    link = root / "train_landmark_files/1/1000.parquet"
    link.unlink()
    link.symlink_to(target)


LISTING_PROBLEMS = {
    "no folder": (shutil.rmtree, "is not a folder"),
    "no listing": (lambda root: (root / "train.csv").unlink(), "train.csv was expected in"),
    "no label map": (
        lambda root: (root / "sign_to_prediction_index_map.json").unlink(),
        "A label map was expected",
    ),
    "label map with a gap": (break_label_map, "must be 0 to 1, each once"),
    "columns": (
        lambda root: edit_listing(root, lambda text: text.replace("participant_id", "who")),
        "participant_id missing",
    ),
    "empty": (
        lambda root: edit_listing(root, lambda text: text.splitlines()[0] + "\n"),
        "at least one clip",
    ),
    "unknown signs": (
        lambda root: edit_listing(root, lambda text: text.replace(",b\n", ",ü\n")),
        r"Signs that the label map does not hold: 1 \(\\xfc\)",
    ),
    "duplicates": (
        lambda root: edit_listing(root, lambda text: text.replace(",1001,", ",1000,")),
        r"Duplicate sequence ids: 1 \(1000\)",
    ),
    "no signer": (
        lambda root: edit_listing(root, lambda text: text.replace(",2,1001,", ",,1001,")),
        r"Clips without a signer, by line: 1 \(3\)",
    ),
    "missing": (
        lambda root: shutil.rmtree(root / "train_landmark_files/1"),
        r"Missing files: 2 \(train_landmark_files/1/1000.parquet, ",
    ),
    "outside": (
        lambda root: edit_listing(root, lambda text: text.replace("train_landmark_files/1", "..")),
        r"Paths that leave the data root: 2 \(\.\./1000.parquet, ",
    ),
    "link": (outside_link, "Paths that leave the data root: 1"),
}


@pytest.fixture
def small(tmp_path):
    clips = [(str(1 + k % 2), "ab"[k % 2], landmarks_of(2, k)) for k in range(4)]
    return write_folder(tmp_path / "small", clips)


@pytest.mark.parametrize("name", LISTING_PROBLEMS)
def test_problems_of_the_listing_are_told(small, name):
    breaks, message = LISTING_PROBLEMS[name]
    breaks(small)
    with pytest.raises(DataError, match=message) as caught:
        read_asl_signs(small)
    assert len(caught.value.problems) == 1


def test_problems_of_several_kinds_are_told_together(small):
    edit_listing(small, lambda text: text.replace(",1001,", ",1000,").replace(",b\n", ",c\n"))
    shutil.rmtree(small / "train_landmark_files/1")
    with pytest.raises(DataError) as caught:
        read_asl_signs(small)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "Signs that the label map does not hold",
        "Duplicate sequence ids",
        "Missing files",
    ]


def rewritten(change):
    def breaks(path):
        pq.write_table(change(pq.read_table(path)), path)

    return breaks


CLIP_PROBLEMS = {
    "no parquet": (lambda path: path.write_bytes(b"PAR1 is not enough"), "Unreadable files"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "Unreadable files"),
    "columns": (rewritten(lambda table: table.drop_columns(["y"])), "Files with wrong columns"),
    "rows": (rewritten(lambda table: table.slice(1)), "rows are not a multiple of 543"),
    "no rows": (rewritten(lambda table: table.slice(0, 0)), "rows are not a multiple of 543"),
    "order": (
        rewritten(lambda table: pa.concat_tables([table.slice(1), table.slice(0, 1)])),
        "rows are in another order",
    ),
    "no order": (
        rewritten(lambda table: table.set_column(3, "landmark_index", pa.nulls(len(table)))),
        "rows are in another order",
    ),
    "types": (
        rewritten(lambda table: table.set_column(4, "x", pa.array(["a"] * len(table)))),
        "columns of another type",
    ),
    "infinite": (
        rewritten(lambda table: table.set_column(4, "x", pa.array([np.inf] * len(table)))),
        "infinite values",
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CLIP_PROBLEMS)
def test_clips_that_cannot_be_used_are_gathered_by_kind(small, tmp_path, name):
    breaks, message = CLIP_PROBLEMS[name]
    for number in (1000, 1001):
        breaks(small / f"train_landmark_files/{1 + number % 2}/{number}.parquet")
    with pytest.raises(DataError, match=message) as caught:
        prepare(small, tmp_path / "cache")
    assert len(caught.value.problems) == 1
    assert ": 2 (train_landmark_files/1/1000.parquet, " in caught.value.problems[0]
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


@pytest.fixture
def arrays(tmp_path):
    clips = [preprocess(landmarks, reference(64)) for _, _, landmarks in separable_clips()]
    padded = [pad(clip, reference(64)) for clip in clips]
    root = tmp_path / "arrays"
    root.mkdir()
    np.save(root / "X.npy", np.nan_to_num(np.stack([frames for frames, _ in padded])))
    np.save(root / "NON_EMPTY_FRAME_IDXS.npy", np.stack([index for _, index in padded]))
    np.save(root / "y.npy", np.array([int(sign[-1]) for _, sign, _ in separable_clips()]))
    np.save(root / "who.npy", np.array([int(signer) for signer, _, _ in separable_clips()]))
    return root


def test_the_reports_arrays_give_the_store_of_the_raw_clips(arrays, asl_signs, tmp_path):
    raw = prepare(asl_signs, tmp_path / "cache")
    store = prepare_arrays(arrays, "who.npy", axes="xy", cache=tmp_path / "cache")
    assert np.array_equal(store.frames, raw.frames, equal_nan=True)
    assert np.array_equal(store.frame_index, raw.frame_index)
    assert store.clips.signers.tolist() == raw.clips.signers.tolist()
    assert store.signs == ["sign 0", "sign 1", "sign 2", "sign 3"]


def test_a_clip_of_padding_is_kept_out_of_the_arrays(arrays, tmp_path):
    index = np.load(arrays / "NON_EMPTY_FRAME_IDXS.npy")
    index[3] = -1
    np.save(arrays / "NON_EMPTY_FRAME_IDXS.npy", index)
    assert prepare_arrays(arrays, "who.npy", axes="xy", cache=tmp_path / "cache").left_out == 1


def test_participants_come_from_a_listing(arrays, asl_signs, tmp_path):
    lines = (asl_signs / "train.csv").read_text().splitlines()[:33]
    (arrays / "train.csv").write_text("\n".join(lines))
    store = prepare_arrays(arrays, "train.csv", axes="xy", cache=tmp_path / "cache")
    assert set(store.clips.signers) == {"100", "101", "102", "103"}


def test_participants_that_are_no_text_are_told(arrays, tmp_path):
    (arrays / "who.csv").write_bytes("participant_id\nä\n".encode("latin-1"))
    with pytest.raises(DataError, match="could not be read as a CSV file"):
        prepare_arrays(arrays, "who.csv", axes="xy", cache=tmp_path / "cache")


def test_arrays_of_other_frames_than_the_configuration_names_are_told(arrays, tmp_path):
    source = Arrays(name="arrays", root=str(arrays), participants="who.npy")
    preparation = PreparationSettings(cache=str(tmp_path / "cache"), workers=1)
    with pytest.raises(SettingError, match=r"preprocessing\.frames must be 64"):
        source.open_store(reference(32), preparation, lambda description, total: lambda n: None)


ARRAY_PROBLEMS = {
    "missing": (lambda root: (root / "y.npy").unlink(), "y.npy was expected"),
    "pickle": (
        lambda root: np.save(root / "y.npy", np.array([{}], dtype=object), allow_pickle=True),
        "must be a .npy file of numbers",
    ),
    "shape": (lambda root: np.save(root / "X.npy", np.zeros((2, 3))), "X.npy must be float32"),
    "no clips": (
        lambda root: np.save(root / "X.npy", np.zeros((0, 64, 66, 3))),
        "one clip or more",
    ),
    "one frame": (lambda root: np.save(root / "X.npy", np.zeros((32, 1, 66, 3))), "2 to 4096"),
    "labels": (lambda root: np.save(root / "y.npy", np.zeros(5)), "whole numbers of shape"),
    "negative": (
        lambda root: np.save(root / "y.npy", np.full(32, -1)),
        "must hold 0 to ",
    ),
    "index": (
        lambda root: np.save(root / "NON_EMPTY_FRAME_IDXS.npy", np.zeros((32, 3))),
        "must be numbers of the shape",
    ),
    "signers": (lambda root: np.save(root / "who.npy", np.zeros(5)), "a signer for each of 32"),
    "a number": (lambda root: np.save(root / "who.npy", 5), "a signer for each of 32"),
    "no signers": (lambda root: (root / "who.npy").unlink(), "signers cannot be kept apart"),
}


@pytest.mark.parametrize("name", ARRAY_PROBLEMS)
def test_arrays_that_cannot_be_used_are_told(arrays, tmp_path, name):
    breaks, message = ARRAY_PROBLEMS[name]
    breaks(arrays)
    with pytest.raises(DataError, match=message):
        prepare_arrays(arrays, "who.npy", axes="xy", cache=tmp_path / "cache")


def test_statistics_are_of_the_values_that_were_found_in_the_clips_trained_on(tmp_path):
    store = make_store(tmp_path / "store", [5, 9, 7])
    frames = np.array(store.frames)
    frames[2, :, 0] = np.nan
    frames[4, 64] = 0  # a value like any other
    frames[:, 65, 1] = np.nan
    store = replace(store, frames=frames)
    measured = statistics.measure(store, np.array([0, 2]))
    chosen = np.concatenate([frames[:5], frames[14:]])[:, :, :2]
    for landmark in (0, 40, 64):
        for axis in (0, 1):
            values = chosen[:, landmark, axis]
            values = values[~np.isnan(values)]
            np.testing.assert_allclose(measured.mean[landmark, axis], values.mean(), atol=1e-6)
            np.testing.assert_allclose(measured.std[landmark, axis], values.std(), atol=1e-6)
    assert measured.std[65, 1] == 1


def test_statistics_are_written_as_the_reports_six_files(tmp_path):
    store = make_store(tmp_path / "store", [5, 9])
    measured = statistics.measure(store, np.arange(2))
    statistics.write(measured, DOMINANT_HAND, tmp_path)
    shapes = {path.name: np.load(path).shape for path in tmp_path.glob("*.npy")}
    assert shapes == {
        **dict.fromkeys(["LIPS_MEAN.npy", "LIPS_STD.npy"], (40, 2)),
        **dict.fromkeys(["LEFT_HANDS_MEAN.npy", "LEFT_HANDS_STD.npy"], (21, 2)),
        **dict.fromkeys(["POSE_MEAN.npy", "POSE_STD.npy"], (5, 2)),
    }
    assert np.array_equal(np.load(tmp_path / "POSE_MEAN.npy"), measured.mean[61:])


def test_the_label_map_decides_the_order_of_signs(small):
    path = small / "sign_to_prediction_index_map.json"
    path.write_text(json.dumps({"a": 1, "b": 0}))
    listing = read_asl_signs(small)
    assert listing.signs == ["b", "a"]
    assert listing.labels.tolist() == [1, 0, 1, 0]
