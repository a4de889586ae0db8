"""The page that records signs: real HTTP, hostile names, a real browser with a fake camera."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from itertools import pairwise
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
import pytest

from gislr.cli.arguments import hydra_arguments
from gislr.cli.commands import COMMANDS
from gislr.config.composition import compose
from gislr.data.clip_files import read_clip_file
from gislr.data.sources.clips import read_manifest
from gislr.record.record_server import RecordServer
from gislr.record.recordings import Recordings, file_name
from gislr.utils.errors import DataError, GislrError
from gislr.web import npm_packages
from gislr.workflows.record import record
from tests.browser import FAKE_CAMERA, SOFTWARE_WEBGL, browser, needs_browser
from tests.commands import gislr_here
from tests.conftest import landmarks_of
from tests.serving import serving
from tests.test_demo import ask, needs_packages

SIGNS = ["hello", "../thank you", 'grün, "blau"']
STAND_IN = """\
/* Finds a moving hand and a pose in every image. */
window.Holistic = class {
  setOptions() {}
  async initialize() {}
  reset() { this.number = 0; }
  onResults(listener) { this.listener = listener; }
  async send({ image }) {
    if (!(image.videoWidth || image.width)) throw new Error("no image");
    const shift = 0.1 * Math.sin(this.number++ / 5);
    const points = (count, x, y, width) => Array.from({ length: count }, (_, k) => (
      { x: x + shift + width * Math.cos(k), y: y + width * Math.sin(k), z: 0 }));
    this.listener({
      leftHandLandmarks: window.nobody ? undefined : points(21, 0.4, 0.6, 0.1),
      poseLandmarks: points(33, 0.5, 0.5, 0.3),
    });
  }
};
"""
SHOWN = "document.body.dataset.state"


@pytest.fixture
def scripts():
    return {"mediapipe/holistic.js": STAND_IN.encode()}


@pytest.fixture
def serve(tmp_path, scripts):
    """Starts servers that write to `clips/`."""
    started = ExitStack()

    def start(
        signer="anna", video=False, session="2025-01-01T10:00:00", mediapipe=scripts, **settings
    ):
        recordings = Recordings(tmp_path / "clips", signer, session)
        values = {"repetitions": 2, "seconds": 0.5, **settings}
        address, signs = ("127.0.0.1", 0), values.pop("signs", SIGNS)
        server = RecordServer(
            address, recordings, signs, video=video, mediapipe=mediapipe, **values
        )
        return started.enter_context(serving(server))

    with started:
        yield start


def clip_bytes(frames=4, times=None, landmarks=None):
    landmarks = landmarks_of(frames) if landmarks is None else landmarks
    times = np.arange(frames) / 30 if times is None else times
    return landmarks.astype("<f4").tobytes() + np.asarray(times, "<f4").tobytes()


def send(server, body=None, sign="hello", frames=4):
    path = f"/clips?sign={quote(sign)}&frames={frames}"
    status, answer, _ = ask(server, "POST", path, clip_bytes() if body is None else body)
    return status, answer


def manifest_rows(tmp_path):
    with (tmp_path / "clips/manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_clips_are_written_and_listed(serve, tmp_path):
    server = serve()
    assert ask(server, "GET", "/about")[1]["train"].endswith("manifest.csv split=none")
    for sign in ("hello", *SIGNS):
        assert send(server, sign=sign)[0] == 200
    listing = read_manifest(tmp_path / "clips/manifest.csv")
    assert listing.signs == sorted(SIGNS)
    assert [listing.signs[label] for label in listing.labels] == ["hello", *SIGNS]
    assert listing.paths[:2] == ["anna/hello_001.npz", "anna/hello_002.npz"]
    assert set(listing.signers) == {"anna"}
    assert set(listing.columns["session"]) == {"2025-01-01T10:00:00"}
    assert set(listing.columns["frames_per_second"]) == {"30.0"}
    for path in listing.paths:
        np.testing.assert_equal(read_clip_file(listing.root / path), landmarks_of(4))
    with np.load(listing.root / listing.paths[0]) as archive:
        np.testing.assert_allclose(archive["times"], np.arange(4) / 30, rtol=1e-6)
    kept = [sign["kept"] for sign in ask(server, "GET", "/about")[1]["signs"]]
    assert kept == [2, 1, 1]
    assert not list((tmp_path / "clips").rglob("*.part"))


def test_another_session_and_another_signer_add_to_the_manifest(serve, tmp_path):
    send(serve())
    second = serve(session="2025-01-02T10:00:00")
    (tmp_path / "clips/anna/hello_001.npz").rename(tmp_path / "clips/kept_elsewhere.npz")
    send(second)
    assert [row["path"] for row in manifest_rows(tmp_path)][1] == "anna/hello_002.npz"
    assert ask(second, "GET", "/about")[1]["train"].endswith("split.column=session")
    (tmp_path / "clips/kept_elsewhere.npz").rename(tmp_path / "clips/anna/hello_001.npz")
    third = serve(signer="../ben")
    send(third)
    last = manifest_rows(tmp_path)[-1]
    assert (last["signer"], last["path"]) == ("../ben", f"{file_name('../ben')}/hello_001.npz")
    assert ask(third, "GET", "/about")[1]["train"].endswith("manifest.csv")


def test_rows_that_others_wrote_are_kept(serve, tmp_path):
    (tmp_path / "clips").mkdir()
    np.save(tmp_path / "clips/own.npy", np.full((3, 42, 2), 0.5))
    text = 'Path;sign;signer;place\nown.npy;"a;b";ben;home\n'
    (tmp_path / "clips/manifest.csv").write_text(text, encoding="utf-8-sig")
    send(serve())
    listing = read_manifest(tmp_path / "clips/manifest.csv")
    assert listing.paths == ["own.npy", "anna/hello_001.npz"]
    assert listing.signs == ["a;b", "hello"]
    assert listing.columns["place"] == ["home", ""]


@pytest.mark.parametrize(
    ("text", "signer", "message"),
    [
        ("path,sign,signer,split\nown.npy,a,ben,train\n", "anna", "holds a published split"),
        ("path,sign\nown.npy,a\n", "anna", "names no signers"),
        ("path,sign,signer\nown.npy,a,Anna\n", "anna", "write signer=Anna"),
        ("path,sign,signer\ngone.npy,a,anna\n", "anna", "Missing files"),
        ("file,sign\nown.npy,a\n", "anna", "must have the columns path and sign"),
    ],
)
def test_a_manifest_that_cannot_take_the_clips_is_refused_at_once(text, signer, message, tmp_path):
    np.save(tmp_path / "own.npy", np.full((3, 42, 2), 0.5))
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        Recordings(tmp_path, signer, "now")
    assert (tmp_path / "manifest.csv").read_text() == text


def test_a_signer_whose_rows_were_all_deleted_can_record_again(serve, tmp_path):
    (tmp_path / "clips").mkdir()
    for text in ("", "path,sign,signer,session\n"):
        (tmp_path / "clips/manifest.csv").write_text(text)
        assert send(serve())[0] == 200
        assert len(read_manifest(tmp_path / "clips/manifest.csv").paths) == 1


def test_every_name_is_a_safe_file_of_its_own():
    names = [
        "hello",
        "..",
        "../x",
        "/etc/passwd",
        "grün",
        "grun",
        "a/b",
        "a b",
        '"',
        "안녕",
        "",
        "x" * 999,
    ]
    found = [file_name(name) for name in names]
    assert len(set(found)) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,40}", name) for name in found)


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"sign": "other"}, 400, "sign must be one of hello"),
        ({"frames": 3}, 400, "must come without video"),
        ({"frames": 5}, 400, "as many landmarks and times as frames"),
        ({"frames": 0}, 400, "has 1 to 21 frames"),
        ({"frames": "x"}, 400, "has 1 to 21 frames"),
        ({"frames": 10**12}, 400, "has 1 to 21 frames"),
        ({"body": b""}, 400, "as many landmarks and times as frames"),
        ({"body": bytes(10**6)}, 413, "A file may have"),
        ({"body": clip_bytes(times=[0, 1, 1, 2])}, 400, "at seconds that increase"),
        ({"body": clip_bytes(times=[0, 1, 2, np.nan])}, 400, "at seconds that increase"),
        ({"body": clip_bytes(1), "frames": 1}, 400, "at least two frames"),
        ({"body": clip_bytes(landmarks=np.full((4, 543, 3), np.inf))}, 400, "infinity"),
        ({"body": clip_bytes(landmarks=np.full((4, 543, 3), np.nan))}, 400, "is missing"),
        ({"body": clip_bytes(landmarks=landmarks_of(4, hand=None))}, 400, "must show a hand"),
        ({"body": clip_bytes(landmarks=landmarks_of(4) + 500)}, 400, "files in pixels"),
    ],
)  # fmt: skip
def test_what_is_no_clip_is_refused_and_nothing_is_written(
    serve, tmp_path, changes, status, message
):
    got, answer = send(serve(), **changes)
    assert (got, message in answer["error"]) == (status, True), answer
    assert not (tmp_path / "clips/manifest.csv").exists()
    assert not list((tmp_path / "clips").rglob("*.npz"))


def test_only_the_page_itself_may_send_clips(serve):
    server = serve()
    port = server.server_address[1]
    for headers in ({"Origin": "http://evil.example"}, {"Host": f"evil.example:{port}"}):
        path = "/clips?sign=hello&frames=4"
        assert ask(server, "POST", path, clip_bytes(), **headers)[0] == 403
    assert ask(server, "POST", "/elsewhere", b"")[0] == 404
    headers = ask(server, "GET", "/")[2]
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert ask(server, "GET", "/../recordings.py")[0] == 404


def test_whoever_leaves_before_the_answer_leaves_no_traceback(serve):
    server = serve()
    ours, theirs = socket.socketpair()
    host = server.address.removeprefix("http://")
    head = f"POST /clips?sign=hello&frames=4 HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99\r\n\r\n"
    ours.sendall(head.encode())
    ours.close()
    with theirs:
        server.RequestHandlerClass(theirs, ("127.0.0.1", 0), server)


def test_a_video_is_kept_only_if_asked_for(serve, tmp_path):
    webm = b"\x1a\x45\xdf\xa3 a stand-in"
    asking = serve(video=True)
    assert "must come with its video" in send(asking)[1]["error"]
    assert "must be a WebM file" in send(asking, clip_bytes() + b"else")[1]["error"]
    assert send(asking, clip_bytes() + webm)[0] == 200
    assert (tmp_path / "clips/anna/hello_001.webm").read_bytes() == webm
    assert len(read_manifest(tmp_path / "clips/manifest.csv").paths) == 1


def test_a_kill_while_the_manifest_is_written_leaves_whole_rows(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; import numpy as np\n"
        "from gislr.data import manifest_rows\n"
        "from gislr.record.recordings import Recordings\n"
        "from tests.conftest import landmarks_of\n"
        "kept = Recordings(Path(sys.argv[1]), 'anna', 'now')\n"
        "add = lambda: kept.add('hello', landmarks_of(3), np.arange(3, dtype=np.float32))\n"
        "add()\n"
        "class Killing(manifest_rows.csv.DictWriter):\n"
        "    def writerows(self, rows): os.kill(os.getpid(), 9)\n"
        "manifest_rows.csv.DictWriter = Killing\n"
        "add()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "clips")], check=False)
    assert done.returncode == -9
    assert len(manifest_rows(tmp_path)) == 1
    again = Recordings(tmp_path / "clips", "anna", "later")
    path = again.add("hello", landmarks_of(3), np.arange(3, dtype=np.float32))
    assert path.name == "hello_003.npz", "the clip without a row is not overwritten"
    assert len(read_manifest(tmp_path / "clips/manifest.csv").paths) == 2


def test_two_sessions_at_once_lose_no_row(serve, tmp_path):
    servers = [serve(), serve(signer="ben")]
    threads = [threading.Thread(target=send, args=(servers[k % 2],)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_manifest(tmp_path / "clips/manifest.csv").paths) == 8


@pytest.mark.parametrize(
    ("typed", "signs"),
    [
        ("signs=hello,thanks", ["hello", "thanks"]),
        ("signs=[hello,thanks]", ["hello", "thanks"]),
        ("signs=hello, thank you", ["hello", "thank you"]),
        ("signs=grün,it's", ["grün", "it's"]),
        ("signs=[grün,it's]", ["grün", "it's"]),
        ("signs=hello", ["hello"]),
        ("signs=1,no,${x}", ["1", "no", "${x}"]),
    ],
)
def test_signs_are_a_list_as_they_are_typed(typed, signs):
    arguments = hydra_arguments(COMMANDS["record"], [typed, "signer=anna", "output=x"])
    assert list(compose("record", *arguments).signs) == signs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("signs=a signer=b output=x host=0.0.0.0", "host must be an address of this machine alone"),
        ("signs=a,a signer=b output=x", "signs must name each once; got a, a."),
        ("signs=a,,b signer=b output=x", "signs must be names that can be read"),
        ("signs=a signer=b", "output has no value yet"),
        ("signs=a signer=b output=x seconds=60", "seconds must be at most 10; got 60"),
    ],
)
def test_mistakes_are_one_sentence(arguments, message, tmp_path):
    done = gislr_here(*arguments.split(), module="record", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_missing_scripts_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(npm_packages, "_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", os.devnull)
    config = compose("record", "signs=[a]", "signer=b", f"output={tmp_path / 'clips'}")
    with pytest.raises(GislrError, match="npm is needed to fetch @mediapipe/holistic"):
        record(config)
    assert not list(tmp_path.iterdir())


@pytest.mark.release
@needs_packages
def test_the_command_serves_the_page_and_ends_quietly(tmp_path):
    command = [sys.executable, "-m", "gislr.record", "signs=hello,thanks", "signer=anna"]
    process = subprocess.Popen(
        [*command, "output=clips", "port=0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        assert "http://" in line, process.stderr.read()
        [address] = re.findall(r"http://\S+", line)
        with urlopen(f"{address}/about") as answer:
            about = json.load(answer)
        assert [sign["name"] for sign in about["signs"]] == ["hello", "thanks"]
        assert about["manifest"] == str(tmp_path / "clips/manifest.csv")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()


@pytest.mark.release
@needs_browser
def test_a_browser_records_looks_discards_and_keeps(serve, tmp_path):
    server = serve(signs=["hello", "thanks"], repetitions=1, seconds=1.0)
    with browser(*FAKE_CAMERA) as page:
        consent = agree(page, server)
        assert "No picture, video or sound is stored." in consent
        assert str(tmp_path / "clips/anna") in consent
        sign = text_of(page, "sign")
        assert text_of(page, "progress") == "1 of 1 · 2 clips left"
        press(page, " ")
        page.wait(f"{SHOWN} == 'countdown'")
        press(page, "Escape")
        assert page.run(f"return {SHOWN}") == "ready"
        press(page, " ")
        page.wait(f"{SHOWN} == 'recording'")
        page.wait(f"{SHOWN} == 'look'")
        assert "found in 100%" in text_of(page, "hint")
        press(page, "r")
        assert page.run(f"return {SHOWN}") == "ready"
        assert not (tmp_path / "clips/manifest.csv").exists()
        click(page, "start")
        page.wait(f"{SHOWN} == 'look'")
        press(page, "Enter")
        page.wait("document.getElementById('progress').textContent == '1 of 1 · 1 clip left'")
        [row] = manifest_rows(tmp_path)
        assert (row["sign"], row["path"]) == (sign, f"anna/{sign}_001.npz")
        frames = read_clip_file(tmp_path / "clips" / row["path"])
        assert len(frames) >= 5
        assert len(frames) == pytest.approx(float(row["frames_per_second"]), rel=0.2)
        assert not np.isnan(frames[:, 468:489]).any()
        assert np.isnan(frames[:, 522:]).all()
        assert len(np.unique(frames[:, 468, 0])) > 3, "the hand moves"
        assert agree(page, server)
        assert text_of(page, "progress") == "1 of 1 · 1 clip left", "a reloaded page goes on"
        assert text_of(page, "message") == ""


@pytest.mark.release
@needs_browser
def test_a_clip_without_a_hand_is_not_kept_and_signs_can_be_skipped(serve, tmp_path):
    server = serve(signs=["hello", "thanks"])
    with browser(*FAKE_CAMERA) as page:
        page.size(400, 800)
        agree(page, server)
        signs = "[{name: 'a', kept: 0}, {name: 'b', kept: 0}, {name: 'c', kept: 1}]"
        order = page.run(f"return import('/order.js').then((m) => m.clipsToRecord({signs}, 20))")
        names = [clip["sign"] for clip in order]
        assert [names.count(name) for name in "abc"] == [20, 20, 19]
        assert all(one != other for one, other in pairwise(names)), "no sign twice in a row"
        page.run("window.nobody = true")
        press(page, " ")
        page.wait(f"{SHOWN} == 'look'")
        assert "cannot be kept" in text_of(page, "hint")
        press(page, "Enter")
        assert page.run(f"return {SHOWN}") == "look"
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.run(wide) <= 0, "nothing sticks out on a phone"
        press(page, "Backspace")
        skipped = text_of(page, "sign")
        click(page, "skip")
        assert text_of(page, "sign") != skipped
        assert text_of(page, "progress") == "1 of 2 · 2 clips left"
        click(page, "finish")
        page.wait("document.getElementById('train').textContent")
        assert text_of(page, "total") == "No clip was kept"
        assert page.run("return document.getElementById('video').srcObject.active") is False
    assert not list((tmp_path / "clips").iterdir())


@pytest.mark.release
@needs_browser
def test_a_browser_records_video_if_asked_for(serve, tmp_path):
    server = serve(signs=["hello"], repetitions=1, video=True)
    with browser(*FAKE_CAMERA) as page:
        consent = agree(page, server)
        assert "The webcam's video is stored, too" in consent
        assert "No picture" not in consent
        press(page, " ")
        page.wait(f"{SHOWN} == 'look'")
        press(page, "Enter")
        page.wait(f"{SHOWN} == 'done'")
    assert (tmp_path / "clips/anna/hello_001.webm").read_bytes()[:4] == b"\x1a\x45\xdf\xa3"
    assert (tmp_path / "clips/anna/hello_001.npz").is_file()


@pytest.mark.release
@needs_browser
@needs_packages
def test_mediapipe_runs_in_the_page(serve):
    """The fake camera shows nobody, and the page says so."""
    server = serve(signs=["hello"], mediapipe=npm_packages.mediapipe())
    with browser(*FAKE_CAMERA, *SOFTWARE_WEBGL) as page:
        agree(page, server)
        press(page, " ")
        page.wait(f"{SHOWN} == 'look'", 180)
        assert "found in 0%" in text_of(page, "hint")
        assert page.run("return document.getElementById('keep').disabled")
        assert text_of(page, "message") == ""


def agree(page, server):
    """Opens the page, agrees, waits for the webcam, and returns the text agreed to."""
    page.open(server.address)
    page.wait(f"{SHOWN} == 'consent'")
    consent = page.run("return document.querySelector('main').innerText")
    assert page.run("return document.getElementById('open').disabled")
    assert page.run("return document.getElementById('video').srcObject === null")
    click(page, "agree")
    click(page, "open")
    page.wait(f"{SHOWN} == 'ready'", 180)
    return consent


def text_of(page, name):
    return page.run("return document.getElementById(arguments[0]).textContent", name)


def click(page, name):
    page.run("document.getElementById(arguments[0]).click()", name)


def press(page, key):
    event = "new KeyboardEvent('keydown', {key: arguments[0], bubbles: true})"
    page.run(f"document.body.dispatchEvent({event})", key)
