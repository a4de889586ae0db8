"""Whatever byte of what is kept on a disk changes, it is noticed and named."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gislr.data import checksums, preparation, verified
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


@pytest.fixture
def opened(store, monkeypatch):
    """Opens a folder and returns the files that were read whole."""
    monkeypatch.setattr(verified, "SETTLED_SECONDS", -1)
    read = []

    def require_unchanged(path, sums):
        read.append(path.name)
        checksums.require_unchanged(path, sums)

    monkeypatch.setattr("gislr.data.store.require_unchanged", require_unchanged)

    def open_and_list(folder):
        read.clear()
        open_store(folder)
        return read

    return open_and_list


def test_a_store_is_compared_with_its_checksums_once(store, opened):
    assert opened(store.folder) == list(FILES[:3])
    assert opened(store.folder) == []


@pytest.mark.parametrize("name", FILES)
def test_a_byte_changed_behind_a_verification_is_noticed_whatever_its_time(store, opened, name):
    opened(store.folder)
    path = store.folder / name
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(flip(byte, 0, 3))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # until the disk's clock ticks
        path.chmod(before.st_mode)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(DataError, match=name):
        opened(store.folder)


def test_a_file_put_in_place_of_another_and_a_copied_folder_are_verified_anew(
    store, opened, tmp_path
):
    opened(store.folder)
    shutil.copytree(store.folder, tmp_path / "copy")
    assert opened(tmp_path / "copy")
    frames = store.folder / "frames.npy"
    shutil.copy2(frames, tmp_path / "other")
    (tmp_path / "other").replace(frames)
    assert opened(store.folder)
    assert not opened(store.folder)


def test_another_machine_verifies_a_shared_store_itself(store, opened, monkeypatch):
    opened(store.folder)
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    assert opened(store.folder)
    assert not opened(store.folder)


def test_a_file_that_just_changed_is_not_taken_for_verified(store, opened, monkeypatch):
    monkeypatch.setattr(verified, "SETTLED_SECONDS", 3600)
    assert opened(store.folder)
    assert opened(store.folder)


def test_the_verification_of_a_read_only_store_is_kept_in_the_users_cache(
    store, opened, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    before = sorted(store.folder.iterdir())
    assert opened(store.folder)
    assert not opened(store.folder)
    assert sorted(store.folder.iterdir()) == before


def test_a_store_opens_where_no_verification_can_be_kept(store, opened, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert opened(store.folder)
    assert opened(store.folder)


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
