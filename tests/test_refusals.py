"""What the system refuses is one sentence; what the program does wrong is a traceback."""

import errno
import os
import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gislr.cli.messages import errors_as_messages
from gislr.tracking.tracking_store import TrackingError, tracking_uri
from gislr.utils.paths import atomic_file, atomic_folder, errors_name_path
from gislr.utils.system_errors import system_error_message


def raised(function):
    with pytest.raises(Exception) as caught:
        function()
    return caught.value


def test_a_full_disk_names_the_file_that_was_written(capsys):
    # Without a buffer, like the ends of large files: the system names no file.
    with (
        pytest.raises(SystemExit, match="2"),
        errors_as_messages(),
        errors_name_path(Path("cache/frames.npy")),
        Path("/dev/full").open("wb", buffering=0) as file,
    ):
        file.write(b"frames")
    assert capsys.readouterr().err == (
        "error: cache/frames.npy must have room on its disk; it is full. Free space, or set "
        "preparation.cache, tracking.uri or TMPDIR to another place.\n"
    )


def test_a_name_travels_between_processes_and_is_kept():
    error = raised(lambda: Path("/proc/version/x").mkdir())
    assert pickle.loads(pickle.dumps(error)).filename == "/proc/version/x"
    with pytest.raises(NotADirectoryError) as caught, errors_name_path(Path("other")):
        raise error
    assert caught.value.filename == "/proc/version/x"
    assert system_error_message(caught.value).startswith(
        "/proc/version/x must lie in a folder; a file is"
    )


@pytest.mark.parametrize(
    "code",
    [
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EMFILE,
        errno.ENFILE,
        errno.EIO,
        errno.ENOTDIR,
        errno.ENOENT,
        errno.EEXIST,
        errno.ENAMETOOLONG,
    ],
)
def test_every_refusal_is_one_sentence_that_names_the_path(code):
    for path in ("some where/ü", b"some where/\xc3\xbc"):
        sentence = system_error_message(OSError(code, os.strerror(code), path))
        assert sentence.startswith("some where/ü must ")
        assert "\n" not in sentence
    unnamed = "The working directory" if code == errno.ENOENT else "A file"
    assert system_error_message(OSError(code, os.strerror(code))).startswith(f"{unnamed} must ")


def test_a_folder_that_is_missing_is_named_and_nothing_is_made(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic_file(tmp_path / "none" / "file"):
        pass
    assert system_error_message(caught.value).startswith(
        f"{tmp_path / 'none'} must exist; it does not."
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("uri", ["sqlite:///", "sqlite://", "sqlite:///:memory:", "sqlite:///?a=1"])
def test_a_database_without_a_file_is_refused(uri):
    with pytest.raises(TrackingError, match=r"tracking\.uri must name a file"):
        tracking_uri(uri)


def test_a_tracker_that_the_disk_refuses_is_told(tmp_path):
    database = tmp_path / "runs.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE runs (name TEXT)")
    frozen = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    cause = raised(lambda: frozen.execute("INSERT INTO runs VALUES ('a')"))
    error = RuntimeError("the tracker's own words")
    error.__cause__ = cause
    assert "must be writable; its disk is read-only" in system_error_message(error)
    wrong = raised(lambda: frozen.execute("SELECT nothing FROM runs"))
    assert system_error_message(wrong) is None
    frozen.close()


@pytest.mark.parametrize(
    "error",
    [
        TypeError("a fault of the program"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        OSError("without a number"),
    ],
)
def test_everything_else_keeps_its_traceback(error):
    assert system_error_message(error) is None
    with pytest.raises(type(error)) as caught, errors_as_messages():
        raise error
    assert caught.value is error


def test_a_fault_met_while_a_refusal_is_handled_keeps_its_traceback():
    def faulty():
        try:
            Path("/proc/version/x").mkdir()
        except NotADirectoryError:
            return {}["missing"]

    assert system_error_message(raised(faulty)) is None


def test_what_a_killed_process_left_beside_is_removed(tmp_path):
    target = tmp_path / "store"
    script = (
        "import os, sys; from pathlib import Path; from gislr.utils.paths import atomic_folder\n"
        "with atomic_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('x'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert [path.name for path in tmp_path.iterdir()] == ["store.tmp"]
    with atomic_folder(target) as folder:
        (folder / "whole").write_text("y")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == [
        "store",
        "store/whole",
    ]
