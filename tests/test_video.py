"""Landmarks from videos, and the clips that are written of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.data.raw_clips import read_clip, write_clip
from gislr.utils.errors import DataError, GislrError, SettingError
from gislr.video import environment, read_video, read_webcam, reading
from gislr.workflows.video import output_files
from tests.commands import gislr
from tests.conftest import clip_table, landmarks_of

needs_mediapipe = pytest.mark.skipif(
    not (environment.folder() / "ready").is_file(), reason=f"needs {environment.SETUP}"
)


@settings(max_examples=15, deadline=None)
@given(frames=st.integers(1, 40), seed=st.integers(0, 99), hand=st.sampled_from(["left", None]))
def test_a_clip_is_read_as_it_was_written(frames, seed, hand, tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.parquet"
    landmarks = landmarks_of(frames, seed, hand=hand)
    write_clip(path, landmarks)
    np.testing.assert_array_equal(read_clip(path), landmarks)


def test_a_clip_has_the_columns_of_the_real_files(tmp_path):
    from pyarrow import parquet

    write_clip(tmp_path / "clip.parquet", landmarks_of(3))
    written, real = parquet.read_table(tmp_path / "clip.parquet"), clip_table(landmarks_of(3), 0)
    assert written.schema.equals(real.schema)
    assert written.equals(real)


def test_without_mediapipe_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "folder", lambda: tmp_path / "none")
    with pytest.raises(GislrError, match=r"set it up with: gislr video setup=true"):
        read_video(tmp_path / "clip.mp4")
    with pytest.raises(GislrError, match="cannot be run"):
        environment.set_up(str(tmp_path / "no_python"))
    assert not (tmp_path / "none" / "ready").exists()


def test_an_environment_whose_interpreter_is_gone_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "folder", lambda: tmp_path / "own")
    (tmp_path / "own" / "bin").mkdir(parents=True)
    (tmp_path / "own" / "ready").touch()
    (tmp_path / "own" / "bin" / "python").symlink_to(tmp_path / "removed")
    with pytest.raises(GislrError, match="set it up with"):
        environment.mediapipe_python()
    with pytest.raises(GislrError, match="cannot be run"):
        environment.set_up(str(tmp_path / "no_python"))
    assert not (tmp_path / "own").exists()


def test_a_python_without_a_wheel_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "folder", lambda: tmp_path / "own")
    newer = tmp_path / "python3.13"
    newer.write_text("#!/bin/sh\necho 3 13\n")
    newer.chmod(0o755)
    with pytest.raises(GislrError, match=r"is 3\.13; name another: .* python=python3\.12"):
        environment.set_up(str(newer))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import time; time.sleep(60)", r"hangs at clip\.mp4, silent for 2 seconds"),
        ("import os; os.kill(os.getpid(), 9)", r"ended early at clip\.mp4: killed by signal 9"),
        ("raise ImportError('libx.so')", r"does not run: ImportError: libx\.so; remove .* and run"),
        ('print(\'{"error": "it is cut"}\')', r"clip\.mp4 cannot be used: it is cut\."),
    ],
)
def test_a_process_that_hangs_or_ends_early_is_an_error(script, message, tmp_path, monkeypatch):
    # The failures are the process's own, so no MediaPipe is needed.
    (tmp_path / "script.py").write_text(script)
    (tmp_path / "clip.mp4").touch()
    monkeypatch.setattr(reading, "mediapipe_python", lambda: Path(sys.executable))
    monkeypatch.setattr(reading, "_SCRIPT", tmp_path / "script.py")
    monkeypatch.setattr(reading, "STALLED_SECONDS", 2.0)
    with pytest.raises(GislrError, match=message):
        read_video(tmp_path / "clip.mp4")


def test_each_video_has_a_file_of_its_own(tmp_path):
    assert output_files(["a/x.mp4", "webcam"], tmp_path) == [
        tmp_path / "x.parquet",
        tmp_path / "webcam.parquet",
    ]
    assert output_files(["x.mp4"], tmp_path / "new" / "y.parquet") == [
        tmp_path / "new" / "y.parquet"
    ]
    for sources, output in ((["a/x.mp4", "b/x.avi"], "."), (["x.mp4", "y.mp4"], "y.parquet")):
        with pytest.raises(SettingError, match="would be written twice"):
            output_files(sources, tmp_path / output)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="must be a folder"):
        output_files(["x.mp4"], tmp_path / "file")


def test_a_recording_is_bounded():
    for seconds in (0, -1, 61, float("nan")):
        with pytest.raises(DataError, match="up to 60 seconds"):
            read_webcam(seconds)


NOISE = """
import sys, cv2, numpy as np
writer = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter_fourcc(*"MJPG"), 30, (320, 240))
rng = np.random.default_rng(0)
for _ in range(5):
    writer.write(rng.integers(0, 255, (240, 320, 3), np.uint8))
writer.release()
"""

LARGE = """
import sys, cv2, numpy as np
writer = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter_fourcc(*"MJPG"), 30, (4200, 16))
writer.write(np.zeros((16, 4200, 3), np.uint8))
writer.release()
"""


@pytest.mark.slow
@needs_mediapipe
def test_unusable_videos_are_reported_and_nothing_is_written(tmp_path):
    noise = tmp_path / "noise.avi"
    python = environment.mediapipe_python()
    subprocess.run([python, "-c", NOISE, noise], check=True, capture_output=True)
    with pytest.raises(DataError, match=r"nobody was found in noise\.avi"):
        read_video(noise)
    (tmp_path / "cut.avi").write_bytes(noise.read_bytes()[:2000])
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    large = tmp_path / "large.avi"
    subprocess.run([python, "-c", LARGE, large], check=True, capture_output=True)
    names = ["noise.avi", "cut.avi", "text.mp4", "empty.mp4", "large.avi", "none.mp4"]
    done = gislr(*(tmp_path / name for name in names), f"output={tmp_path / 'out'}", module="video")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == len(names), done.stderr
    assert any("4200 x 16 pixels; scale it to 4096 x 4096" in line for line in errors), errors
    assert "Traceback" not in done.stderr
    assert not list(Path(tmp_path / "out").glob("*"))
