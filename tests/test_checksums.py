"""Whatever byte of what is kept on a disk changes, it is noticed and named."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gislr.data import checksums, preparation
from gislr.data.checksums import open_sealed, open_sealed_json, sealed, sealed_json
from gislr.data.kaggle_folder import read_asl_signs
from gislr.data.preparation import prepare_clips
from gislr.data.preprocessing import reference
from gislr.data.store import open_store
from gislr.utils.errors import DataError
from tests.conftest import make_store

FILES = ("frames.npy", "frame_index.npy", "clips.npz", "store.json")
PROPERTY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(checksums, "CHUNK", 1000)
    return make_store(tmp_path / "store", [5, 0, 9, 3])


def flip(data, position, bit):
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


@PROPERTY
@given(name=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_of_a_store_is_noticed_and_its_place_named(store, name, place, bit):
    path = store.folder / name
    written = path.read_bytes()
    position = int(place * len(written))
    path.write_bytes(flip(written, position, bit))
    try:
        with pytest.raises(DataError) as caught:
            open_store(store.folder)
    finally:
        path.write_bytes(written)
    message = str(caught.value)
    assert "Remove the folder" in message
    assert str(store.folder) in message
    if name != "store.json":
        start = position // 1000 * 1000
        stop = min(start + 1000, len(written)) - 1
        assert f"{path} must hold what was written into it; its bytes {start} to {stop}" in message
    open_store(store.folder)


@PROPERTY
@given(name=st.sampled_from(FILES), keep=st.floats(0, 1, exclude_max=True))
def test_a_store_that_was_cut_off_is_refused(store, name, keep):
    path = store.folder / name
    written = path.read_bytes()
    path.write_bytes(written[: int(keep * len(written))])
    try:
        with pytest.raises(DataError, match=name):
            open_store(store.folder)
    finally:
        path.write_bytes(written)


@PROPERTY
@given(name=st.sampled_from(FILES), more=st.binary(min_size=1, max_size=50))
def test_bytes_behind_the_end_of_a_store_are_noticed(store, name, more):
    path = store.folder / name
    written = path.read_bytes()
    path.write_bytes(written + more)
    try:
        with pytest.raises(DataError, match=name):
            open_store(store.folder)
    finally:
        path.write_bytes(written)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_or_of_another_store_is_noticed(store, tmp_path, name):
    other = make_store(tmp_path / "other", [5, 0, 9, 3], seed=1, signs=2)
    if name != "store.json":
        taken = (other.folder / name).read_bytes()
        written = (store.folder / name).read_bytes()
        (store.folder / name).write_bytes(taken)
        if taken != written:
            with pytest.raises(DataError, match=name):
                open_store(store.folder)
    (store.folder / name).unlink()
    with pytest.raises(DataError, match=name):
        open_store(store.folder)


def test_a_store_of_another_version_is_refused(store):
    path = store.folder / "store.json"
    description = open_sealed_json(path.read_bytes())
    path.write_bytes(sealed_json({**description, "version": 4}))
    with pytest.raises(DataError, match=r"it is one of version 4\. Remove the folder"):
        open_store(store.folder)


@PROPERTY
@given(data=st.binary(max_size=300), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_sealed_bytes_are_read_back_or_refused(data, place, bit):
    written = sealed(data)
    assert open_sealed(written) == data
    position = int(place * len(written))
    for broken in (flip(written, position, bit), written[:position], written + b"\0"):
        with pytest.raises(ValueError, match="checksum"):
            open_sealed(broken)


@PROPERTY
@given(values=st.dictionaries(st.text(max_size=5), st.integers() | st.lists(st.text()), max_size=4))
def test_sealed_json_is_read_back(values):
    values.pop("crc32", None)
    assert open_sealed_json(sealed_json(values)) == values


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"1", b'{"crc32": null}', b'{"crc32": 0}'])
def test_json_without_its_checksum_is_refused(text):
    with pytest.raises(ValueError):
        open_sealed_json(text)


BREAKS = {
    "flipped": lambda data: flip(data, len(data) // 2, 3),
    "cut off": lambda data: data[:-9],
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "longer": lambda data: data + b"\0",
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_shard_of_a_killed_preparation_is_made_anew(
    asl_signs, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(preparation, "CLIPS_PER_SHARD", 5)

    def prepare(cache):
        return prepare_clips(
            read_asl_signs(asl_signs), settings=reference(64), cache=cache, workers=1
        )

    whole = prepare(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "write_store", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prepare(tmp_path / "again")
    [folder] = (tmp_path / "again").glob("*.partial")
    shards = sorted(folder.glob("*.npz"))
    assert len(shards) == 7
    shards[2].write_bytes(BREAKS[name](shards[2].read_bytes()))
    again = prepare(tmp_path / "again")
    for file in FILES:
        assert (again.folder / file).read_bytes() == (whole.folder / file).read_bytes()
