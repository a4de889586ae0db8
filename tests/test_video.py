"""Landmarks from videos, and the clips that are written of them."""

import subprocess
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.data.landmarks import RIGHT_HAND as HAND
from gislr.data.raw_clips import read_clip, write_clip
from gislr.data.sources.clips import read_manifest
from gislr.utils.errors import DataError, GislrError, SettingError
from gislr.video import environment, read_video, read_webcam, reading
from gislr.video.extraction import Video, clips_of, listed_videos, write_manifest
from tests.commands import gislr, start_gislr
from tests.conftest import clip_table, landmarks_of

PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
"""Shows a person, whom MediaPipe finds."""

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
    with pytest.raises(GislrError, match=r"set it up with: gislr extract setup=true"):
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
        (
            "print('{\"frames\": 0, \"of\": 9}', flush=True); raise MemoryError('no room')",
            r"ended early at clip\.mp4: MemoryError: no room; try a shorter",
        ),
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


def make_folder(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_a_folder_of_videos_names_the_signs(tmp_path):
    root = make_folder(tmp_path, "hello/a.mp4", "hello/sub/a.MOV", "b.webm", "hello/notes.txt")
    found = [(video.clip, video.columns["sign"]) for video in listed_videos([str(root)])]
    assert found == [
        ("b.parquet", ""),
        ("hello/a.parquet", "hello"),
        ("hello/sub/a.parquet", "hello"),
    ]


def test_a_manifest_of_videos_keeps_its_columns(tmp_path):
    make_folder(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "videos.csv").write_text(
        "path;sign;signer;split;start;end;place\n"
        "a.mp4;x;ann;train;0;;home\na.mp4;y;ann;train;10;30;\nb.mp4;x;bob;dev;5;;home\n"
    )
    found = listed_videos([str(tmp_path / "videos.csv")])
    assert [video.clip for video in found] == ["a.parquet", "a_10_30.parquet", "b_5_end.parquet"]
    assert [video.span for video in found] == [(0, -1), (10, 30), (5, -1)]
    assert found[2].columns == {"sign": "x", "signer": "bob", "split": "val", "place": "home"}


def test_each_video_has_a_file_of_its_own(tmp_path):
    root = make_folder(tmp_path, "a/x.mp4", "b/x.avi", "empty/y.txt")
    with pytest.raises(SettingError, match=r"x\.parquet would be written twice"):
        listed_videos([str(root / "a" / "x.mp4"), str(root / "b" / "x.avi")])
    with pytest.raises(DataError, match=r"must hold \.mp4, .*; .*empty holds none"):
        listed_videos([str(root / "empty")])
    with pytest.raises(DataError, match=r"there is no .*none"):
        listed_videos([str(root / "none")])


def test_a_manifest_keeps_the_rows_of_clips_that_are_there(tmp_path):
    make_folder(tmp_path, "old.parquet", "new.parquet")
    write_manifest([Video("o", "old.parquet", {"sign": "x"}), Video("g", "gone.parquet")], tmp_path)
    write_manifest([Video("n", "new.parquet", {"sign": "ü,\n", "signer": "ann"})], tmp_path)
    table = pd.read_csv(tmp_path / "manifest.csv", keep_default_na=False)
    assert table.to_numpy().tolist() == [["old.parquet", "x", ""], ["new.parquet", "ü,\n", "ann"]]


def test_a_folder_with_another_manifest_is_left_alone(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,sign\nvideos/1.mp4,x\n")
    with pytest.raises(DataError, match="lists no clips, and would be replaced"):
        clips_of(tmp_path)
    (tmp_path / "manifest.csv").write_text("name\nx\n")
    with pytest.raises(DataError, match="lists no clips"):
        clips_of(tmp_path)
    (tmp_path / "manifest.csv").write_bytes("path,sign\na.npy,grün\n".encode("cp1252"))
    with pytest.raises(DataError, match="must be text in UTF-8"):
        clips_of(tmp_path)


EVENLY = """
import sys
sys.path.insert(0, sys.argv[1])
import holistic
assert holistic.evenly([0, 10, 20, 30], 99).tolist() == [0, 1, 2, 3]
assert holistic.evenly([0, 10, 20, 60, 70], 99).tolist() == [0, 1, 2, 2, 2, 3, 3, 4]
assert holistic.evenly([0, 10, 20, 1e12], 5).tolist() == [0, 1, 2, 2, 2]
assert holistic.evenly([0, 0, 0], 99).tolist() == [0, 1, 2]
"""


@pytest.mark.release
@needs_mediapipe
def test_moments_of_a_constant_rate_show_the_nearest_frame():
    command = [environment.mediapipe_python(), "-c", EVENLY, Path(reading.__file__).parent]
    subprocess.run(command, check=True)


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


@pytest.mark.release
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
    names = ["noise.avi", "cut.avi", "text.mp4", "empty.mp4", "large.avi"]
    files = (tmp_path / name for name in names)
    done = gislr(*files, f"output={tmp_path / 'out'}", module="extract")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == len(names), done.stderr
    assert any("4200 x 16 pixels; scale it to 4096 x 4096" in line for line in errors), errors
    assert "Traceback" not in done.stderr
    assert not list(Path(tmp_path / "out").glob("*"))


def draw(video, frames, *options):
    video.parent.mkdir(parents=True, exist_ok=True)
    script = Path(__file__).with_name("draw_video.py")
    command = [environment.mediapipe_python(), script, PHOTO, video, str(frames), *options]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.release
@needs_mediapipe
def test_videos_become_clips_that_can_be_trained_on(tmp_path):
    videos, output = tmp_path / "videos", tmp_path / "out"
    draw(videos / "wave/even.mp4", 30, "hand")
    draw(videos / "wave/phone.mp4", 30, "hand", "rotated")
    draw(videos / "wave/uneven.mp4", 30, "hand", "uneven")
    draw(videos / "still/one_frame.mp4", 1, "hand")
    draw(videos / "still/no_hand.mp4", 4)
    command = [str(videos), f"output={output}"]
    done = gislr(*command, module="extract")
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1
    assert "error: still/no_hand.mp4 shows no hand in any of its 4 frames." in done.stderr
    listing = read_manifest(output / "manifest.csv")
    assert listing.signs == ["still", "wave"]
    assert listing.columns["frames"] == ["1", "30", "30", "30"]
    assert set(listing.columns["frames_with_hand"]) == {"1.000"}
    assert (output / "hands.png").is_file()
    even, phone, uneven = (
        read_clip(output / f"wave/{n}.parquet") for n in ("even", "phone", "uneven")
    )
    close = np.abs(even - phone)[:, HAND, :2]
    assert np.median(close) < 0.01
    shown = [*range(10), *range(20, 30)]
    np.testing.assert_array_equal(even[:10], uneven[:10])
    assert np.median(np.abs(even - uneven)[shown][:, HAND, :2]) < 0.01
    np.testing.assert_array_equal(uneven[10], uneven[9])

    # Another video of the same name is not taken for the one that is there.
    draw(tmp_path / "more/wave/even.mp4", 2, "hand")
    done = gislr(tmp_path / "more", f"output={output}", module="extract")
    assert "wave/even.parquet is there already, made of ../videos/wave/even.mp4" in done.stderr

    # What is there is not made again; what is missing is.
    before = {file: file.stat().st_mtime_ns for file in output.rglob("*.parquet")}
    (output / "wave/even.parquet").unlink()
    (videos / "still/no_hand.mp4").unlink()
    assert gislr(*command, module="extract").returncode == 0
    after = {file: file.stat().st_mtime_ns for file in output.rglob("*.parquet")}
    assert [file.name for file in before if before[file] != after[file]] == ["even.parquet"]


@pytest.mark.release
@needs_mediapipe
def test_a_killed_extraction_does_the_rest(tmp_path):
    output = tmp_path / "out"
    for name in "abc":
        draw(tmp_path / "videos" / f"wave/{name}.mp4", 40, "hand")
    command = [tmp_path / "videos", f"output={output}", "workers=1"]
    process = start_gislr(*command, module="extract")
    while not list(output.rglob("*.parquet")):
        time.sleep(0.05)
    process.kill()
    process.communicate()
    [done] = output.rglob("*.parquet")
    written = done.stat().st_mtime_ns
    assert gislr(*command, module="extract").returncode == 0
    assert done.stat().st_mtime_ns == written
    assert len(read_manifest(output / "manifest.csv").paths) == 3


@pytest.mark.release
@needs_mediapipe
def test_a_part_of_a_video_is_cut_out(tmp_path):
    draw(tmp_path / "long.mp4", 12, "hand")
    (tmp_path / "videos.csv").write_text("path,sign,start,end\nlong.mp4,x,3,8\nlong.mp4,y,20,\n")
    done = gislr(tmp_path / "videos.csv", f"output={tmp_path / 'out'}", module="extract")
    assert "long_20_end.mp4 cannot be used: it ends before frame 20." in done.stderr
    assert len(read_clip(tmp_path / "out/long_3_8.parquet")) == 5
