"""Landmarks from videos, and the clips that are written of them."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.data.clip_file import write_clip
from gislr.data.raw_clips import read_clip
from gislr.errors import DataError, GislrError
from gislr.video import environment, read_video, read_webcam
from tests.conftest import clip_table, landmarks_of
from tests.test_command_line import gislr

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
    with pytest.raises(GislrError, match=r"set it up with: python -m gislr\.video --setup"):
        read_video(tmp_path / "clip.mp4")
    with pytest.raises(GislrError, match="cannot be run"):
        environment.set_up(str(tmp_path / "no_python"))
    assert not (tmp_path / "none" / "ready").exists()


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


@pytest.mark.slow
@needs_mediapipe
def test_videos_that_cannot_be_used_are_told_and_nothing_is_written(tmp_path):
    noise = tmp_path / "noise.avi"
    python = environment.mediapipe_python()
    subprocess.run([python, "-c", NOISE, noise], check=True, capture_output=True)
    with pytest.raises(DataError, match=r"nobody was found in noise\.avi"):
        read_video(noise)
    (tmp_path / "cut.avi").write_bytes(noise.read_bytes()[:2000])
    (tmp_path / "text.mp4").write_text("no video")
    names = ["noise.avi", "cut.avi", "text.mp4", "none.mp4"]
    done = gislr(*(tmp_path / name for name in names), "--output", tmp_path / "out", module="video")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    told = [line for line in lines if line.startswith("error: ")]
    assert len(told) == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(Path(tmp_path / "out").glob("*"))
