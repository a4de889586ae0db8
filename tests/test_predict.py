"""What `gislr predict` writes of clips and of streams."""

import io
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from gislr.config.composition import compose
from gislr.inference import Prediction
from gislr.inference.streaming import SignEvent
from gislr.utils.errors import DataError, SettingError
from gislr.video import environment, reading
from gislr.workflows.command_settings import read_command
from gislr.workflows.predict import PredictSettings, predict, predict_files, stream_signs
from gislr.workflows.prediction_output import WRITERS
from tests.commands import gislr
from tests.test_streaming import ByPlace, frame
from tests.test_video import draw, needs_mediapipe

VIDEO = Path("a.mp4")
EVENTS = [
    (VIDEO, SignEvent(["hello", "bee"], [0.75, 0.25], True, True, 0.5, 1.2345)),
    (VIDEO, SignEvent(["bee", "hello"], [0.375, 0.25], True, False, 2.0, 3.0)),
    (VIDEO, SignEvent(["a<b", "bee"], [0.5, 0.25], True, True, 3599.9996, 3725.25)),
]

WRITTEN = {
    "text": "a.mp4  00:00:00.500 to 00:00:01.234  hello 0.750\n"
    "a.mp4  00:00:02.000 to 00:00:03.000  bee 0.375  (not sure)\n"
    "a.mp4  01:00:00.000 to 01:02:05.250  a<b 0.500\n",
    "srt": "1\n00:00:00,500 --> 00:00:01,234\nhello\n\n2\n01:00:00,000 --> 01:02:05,250\na<b\n\n",
    "vtt": "WEBVTT\n\n00:00:00.500 --> 00:00:01.234\nhello\n\n"
    "01:00:00.000 --> 01:02:05.250\na&lt;b\n\n",
}


def written(kind, predictions):
    output = io.StringIO()
    WRITERS[kind](predictions, output)
    return output.getvalue()


@pytest.mark.parametrize("kind", WRITTEN)
def test_signs_of_a_stream_are_written_with_their_times(kind):
    assert written(kind, EVENTS) == WRITTEN[kind]


def test_json_has_one_object_a_line_written_at_once():
    clip = (Path("b.npy"), Prediction(["bee"], [0.5], True, True))
    lines = written("json", [EVENTS[0], clip]).splitlines()
    assert json.loads(lines[0]) == {
        "file": "a.mp4", "signs": ["hello", "bee"], "probabilities": [0.75, 0.25],
        "has_hand": True, "sure": True, "start": 0.5, "end": 1.2345,
    }  # fmt: skip
    assert json.loads(lines[1]) == {
        "file": "b.npy", "signs": ["bee"], "probabilities": [0.5], "has_hand": True, "sure": True,
    }  # fmt: skip
    header, first, second = written("csv", [EVENTS[0], clip]).splitlines()
    assert header.startswith("file,start,end,has_hand,sure,sign_1,probability_1")
    assert first == "a.mp4,0.5,1.2345,True,True,hello,0.75,bee,0.25"
    assert second == "b.npy,,,True,True,bee,0.5"
    output = io.StringIO()

    def endless():
        yield EVENTS[0]
        assert output.getvalue().count("\n") == 1
        yield EVENTS[1]

    WRITERS["json"](endless(), output)


def settings_of(*overrides):
    return read_command(PredictSettings, compose("predict", "model=x", *overrides))


def signing(*places):
    """Returns a stream: for each place a second of signing there and half a second without."""
    parts = ([frame(0.5, x)] * 30 + [frame()] * 15 for x in places)
    return np.stack(list(chain.from_iterable(parts)))


def test_a_file_of_landmarks_is_one_clip_or_a_stream(tmp_path):
    np.save(tmp_path / "three.npy", signing(0.5005, 0.5015, 0.5005))
    problems = []
    found = {
        stream: list(
            predict_files(
                ByPlace("ab"),
                [tmp_path / "three.npy", tmp_path / "none.npy"],
                problems,
                settings_of("clips=[x]", f"stream={stream}"),
            )
        )
        for stream in ("null", "true")
    }
    [(_, clip)] = found["null"]
    assert (clip.signs, type(clip)) == (["a", "b"], Prediction)
    events = [event for _, event in found["true"]]
    assert [event.signs[0] for event in events] == ["a", "b", "a"]
    assert [event.start for event in events] == [0, 1.5, 3]
    assert [event.end for event in events] == [29 / 30, 74 / 30, 119 / 30]
    assert len(problems) == 2
    assert "none.npy" in problems[0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["clips=[{0}/a.npy]", "format=srt"], "srt shows the signs of one stream; name one"),
        (["clips=[webcam,{0}/a.npy]", "output=x.vtt"], "vtt shows the signs of one stream"),
        (["clips=[webcam]", "output=x.mp4"], "and webcam is no video file; record one first"),
        (["clips=[{0}/a.npy]", "stream=true", "output=x.mp4"], "a.npy is no video file"),
        (
            ["clips=[webcam]", "stream=false", "format=vtt"],
            "name one video, or landmarks with stream=true",
        ),
    ],
)
def test_subtitles_are_of_one_video(overrides, message, tmp_path):
    np.save(tmp_path / "a.npy", signing(0.5))
    filled = [override.format(tmp_path) for override in overrides]
    with pytest.raises(SettingError, match=message):
        predict(compose("predict", "model=none.tflite", *filled))


FRAMES = """
import base64, json, os, sys, time
import numpy as np
frames = np.load(sys.argv[0].replace("script.py", "frames.npy"))
request = json.loads(sys.stdin.readline())
assert request["output"] is None
for k, frame in enumerate(frames):
    landmarks = base64.b64encode(frame.tobytes()).decode()
    print(json.dumps(dict(frames=k + 1, of=0, time=k / 30, landmarks=landmarks)), flush=True)
print({ending}, flush=True)
"""


def play(frames, ending, folder, monkeypatch):
    """Lets a process report frames as MediaPipe's does, and returns what is found."""
    np.save(folder / "frames.npy", frames)
    (folder / "script.py").write_text(FRAMES.replace("{ending}", ending))
    (folder / "a.mp4").touch()
    monkeypatch.setattr(reading, "mediapipe_python", lambda: Path(sys.executable))
    monkeypatch.setattr(reading, "_SCRIPT", folder / "script.py")
    return stream_signs(ByPlace("ab"), folder / "a.mp4")


def test_a_video_is_recognized_while_it_is_read(tmp_path, monkeypatch):
    done = "json.dumps(dict(done=90))"
    found = list(play(signing(0.5005, 0.5015), done, tmp_path, monkeypatch))
    assert [(event.signs[0], event.start) for event in found] == [("a", 0), ("b", 1.5)]
    nobody = play(np.full((9, 543, 3), np.nan, np.float32), done, tmp_path, monkeypatch)
    with pytest.raises(DataError, match=r"nobody was found in a\.mp4"):
        list(nobody)
    cut = play(signing(0.5005), "json.dumps(dict(error='it is cut'))", tmp_path, monkeypatch)
    assert next(cut).signs[0] == "a"
    with pytest.raises(DataError, match=r"a\.mp4 cannot be used: it is cut\."):
        next(cut)
    broken = play(signing(0.5005), "1 / 0", tmp_path, monkeypatch)
    with pytest.raises(DataError, match=r"ended early at a\.mp4: ZeroDivisionError"):
        list(broken)


INTERRUPTED = """
import sys
from pathlib import Path
from gislr.video import reading
from gislr.workflows.predict import stream_signs
from tests.test_predict import ByPlace

reading.mediapipe_python = lambda: Path(sys.executable)
reading._SCRIPT = Path(sys.argv[1])
print(*(event.signs[0] for event in stream_signs(ByPlace("ab"), Path("webcam"))))
"""


@pytest.mark.slow
def test_ctrl_c_ends_the_webcam_and_its_last_sign(tmp_path, monkeypatch):
    frames = signing(0.5005, 0.5015)[:75]  # the second sign goes on
    interrupted = "(time.sleep(1), os.kill(os.getppid(), 2), time.sleep(60))"
    play(frames, interrupted, tmp_path, monkeypatch)
    command = [sys.executable, "-c", INTERRUPTED, tmp_path / "script.py"]
    # Well below the seconds of silence that end a process which hangs.
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100)
    assert done.stdout.split() == ["a", "b"]


COUNT = """
import sys, cv2
capture, shown = cv2.VideoCapture(sys.argv[1]), 0
last = None
while True:
    read, image = capture.read()
    if not read:
        break
    last, shown = image, shown + 1
print(shown, *last.shape, last[-60:].max())
"""


@pytest.mark.release
@needs_mediapipe
def test_signs_are_drawn_on_a_video(tmp_path):
    from gislr.data.label_map import LABEL_MAP, write_label_map
    from gislr.export.litert import litert
    from tests.test_export import SIGNS, trained

    (tmp_path / "model.tflite").write_bytes(*litert([trained("transformer")]))
    write_label_map(tmp_path / LABEL_MAP, SIGNS)
    draw(tmp_path / "wave.mp4", 40, "hand")
    model, drawn = f"model={tmp_path / 'model.tflite'}", tmp_path / "drawn.mp4"
    done = gislr(model, tmp_path / "wave.mp4", f"output={drawn}", "format=json", module="predict")
    assert done.returncode == 0, done.stderr
    event = json.loads(done.stdout)
    assert (event["start"], event["sure"]) == (0, True)
    command = [environment.mediapipe_python(), "-c", COUNT, drawn]
    counted = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert counted[:4] == ["40", "540", "480", "3"]
    done = gislr(model, tmp_path / "wave.mp4", "stream=false", module="predict")
    assert done.stdout.count(SIGNS[0]) == 1
    (tmp_path / "text.mp4").write_text("no video")
    done = gislr(model, tmp_path / "text.mp4", f"output={tmp_path / 'x.srt'}", module="predict")
    assert done.stderr.count("error: ") == 1
    assert "text.mp4 cannot be used: it is no video that can be read." in done.stderr
    done = gislr(model, "webcam", module="predict")
    assert done.stderr == "error: the webcam cannot be used: no webcam was found.\n"
