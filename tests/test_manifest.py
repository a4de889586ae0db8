"""A manifest is read as people write it, and its problems are told together."""

import shutil

import numpy as np
import pandas as pd
import pytest

from gislr.data.kaggle_folder import read_asl_signs
from gislr.data.preparation import prepare_clips
from gislr.data.preprocessing import reference
from gislr.data.sources.clips import read_manifest
from gislr.utils.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for name in "abcd":
        np.save(tmp_path / f"{name}.npy", np.full((3, 42, 2), 0.5))
    return tmp_path


def manifest(folder, text, name="clips.csv", encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def test_the_columns_of_a_manifest(folder):
    listing = read_manifest(
        manifest(
            folder,
            "path,sign,signer,split,start,end,place\n"
            "a.npy,thanks,ann,train,,,home\n"
            "b.npy,hello,bob,dev,1,3,school\n"
            "b.npy,thanks,bob,test,0,1,school\n",
        )
    )
    assert listing.paths == ["a.npy", "b.npy", "b.npy"]
    assert listing.signs == ["hello", "thanks"]
    assert listing.labels.tolist() == [1, 0, 1]
    assert listing.signers == ["ann", "bob", "bob"]
    assert listing.splits == ["train", "val", "test"]
    assert listing.spans.tolist() == [[0, -1], [1, 3], [0, 1]]
    assert listing.columns == {"place": ["home", "school", "school"]}


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_excel_writes_manifests_too(folder, delimiter):
    text = 'Path;SIGN; signer\r\na.npy;"fürs; erste";1\r\nb.npy; 007 ;2\r\n'.replace(";", delimiter)
    listing = read_manifest(manifest(folder, text, encoding="utf-8-sig"))
    assert listing.signs == ["007", f"fürs{delimiter} erste"]
    assert listing.signers == ["1", "2"]


def test_a_parquet_file_is_a_manifest(folder):
    table = pd.DataFrame({"path": ["a.npy", "b.npy"], "sign": ["x", "y"], "start": [1, None]})
    table.to_parquet(folder / "clips.parquet")
    listing = read_manifest(folder / "clips.parquet")
    assert listing.spans.tolist() == [[1, -1], [0, -1]]
    assert listing.signers == ["", ""]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("a.npy,,ann,,,", r"Rows without a sign, by line: 1 \(2\)"),
        ("e.npy,x,ann,,,", r"Missing files: 1 \(e.npy\)"),
        ("../a.npy,x,ann,,,", r"Paths that leave the data root: 1"),
        ("/etc/passwd.npy,x,ann,,,", r"Paths that leave the data root: 1"),
        (
            "a.npy,x,ann,train,,\nb.npy,x,ann,dev2,,",
            r"Unknown splits: 1 \(dev2\). Use train, test, val",
        ),
        ("a.npy,x,ann,train,,\nb.npy,x,ann,,,", r"Rows without a split .* by line: 1 \(3\)"),
        ("a.npy,x,ann,,,\nb.npy,x,,,,", r"Rows without a signer .* by line: 1 \(3\)"),
        ("a.npy,x,Ann,,,\nb.npy,x,ann,,,", r"differ only in capital letters: 1 \(Ann/ann\)"),
        ("a.npy,x,ann,,,\na.npy,y,ann,,,", r"stand in several rows: 1 \(a.npy: x, y\)"),
        ("a.npy,x,ann,,3,2", r"start or end is no frame, by line: 1 \(2\)"),
        ("a.npy,x,ann,,one,2", r"start or end is no frame, by line: 1 \(2\)"),
        (
            "v.mp4,x,ann,,,",
            r"Videos: 1 \(v.mp4\). Find their landmarks with gislr extract clips.csv",
        ),
    ],
)
def test_the_problems_of_a_manifest(folder, rows, sentence):
    (folder / "v.mp4").touch()
    with pytest.raises(DataError, match=sentence) as caught:
        read_manifest(manifest(folder, f"path,sign,signer,split,start,end\n{rows}\n"))
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "could not be read as a manifest"),
        ("path,sign\n", "must list at least one clip"),
        ("path,gloss\na.npy,x\n", "must have the columns path and sign; sign missing. Its columns"),
        ("path,sign\na.npy,x,y,z\n", "could not be read as a manifest|must list|Missing|no file"),
    ],
)
def test_what_is_no_manifest(folder, text, sentence):
    with pytest.raises(DataError, match=sentence):
        read_manifest(manifest(folder, text))


def test_other_encodings_and_no_file(folder):
    with pytest.raises(DataError, match="must be text in UTF-8"):
        read_manifest(manifest(folder, "path,sign\na.npy,für\n", encoding="latin-1"))
    with pytest.raises(DataError, match=r"data\.manifest must name a CSV or parquet file"):
        read_manifest(folder / "none.csv")


@pytest.mark.slow
def test_a_hundred_thousand_rows(folder):
    rows = "".join(f"a.npy,sign{k % 2000},s{k % 90},{k},{k + 1}\n" for k in range(100_000))
    path = manifest(folder, f"path,sign,signer,start,end\n{rows}")
    assert len(read_manifest(path).signs) == 2000


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
def test_a_manifest_of_a_kaggle_folder_gives_its_store(asl_signs, tmp_path, suffix):
    listing = read_asl_signs(asl_signs)
    names = []
    for clip, path in enumerate(listing.paths):
        names.append(path.removesuffix(".parquet") + suffix)
        file = tmp_path / names[-1]
        file.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".npz":
            np.savez_compressed(file, listing.read(clip))
        else:
            shutil.copy(asl_signs / path, file)
    columns = {"path": names, "sign": [listing.signs[label] for label in listing.labels]}
    pd.DataFrame({**columns, "signer": listing.signers}).to_csv(tmp_path / "clips.csv")
    settings, cache = reference(64), tmp_path / "cache"
    expected = prepare_clips(listing, settings=settings, cache=cache, workers=1)
    got = prepare_clips(read_manifest(tmp_path / "clips.csv"), settings=settings, cache=cache)
    np.testing.assert_array_equal(got.frames, expected.frames)
    np.testing.assert_array_equal(got.frame_index, expected.frame_index)
    assert got.clips.signers.tolist() == expected.clips.signers.tolist()
    shown, known = (
        [store.signs[label] for label in store.clips.labels] for store in (got, expected)
    )
    assert shown == known
