"""The page to try a model with: real HTTP, hostile files, a real browser."""

import http.client
import io
import json
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gislr.data.label_map import LABEL_MAP, write_label_map
from gislr.demo import demo_clips as clips
from gislr.demo import uploads as reading
from gislr.demo.server import DemoServer
from gislr.utils.errors import DataError, GislrError
from gislr.web import webcam
from tests.browser import browser, needs_browser
from tests.conftest import clip_table, landmarks_of

HOSTILE = "<img src=x onerror=alert(1)>"
FIRST_SAMPLE = (
    "const list = document.getElementById('samples'); list.value = '0';"
    "list.dispatchEvent(new Event('change'))"
)


class Changing:
    """Surer of a sign the longer the clip is."""

    def __init__(self):
        self.signs = ["bee", HOSTILE, "cow", "dog", "elephant", "fish"]
        self.rejection_threshold = 0.5

    def probabilities(self, given):
        found = np.full((len(given), 6), 0.02, np.float32)
        found[:, 1] = [min(0.9, 0.01 * len(clip)) for clip in given]
        return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    scripts = tmp_path_factory.mktemp("webcam")
    (scripts / "holistic.js").write_text("// a stand-in")
    samples = {"long": lambda: landmarks_of(300), "no hand": lambda: landmarks_of(3, hand=None)}
    with DemoServer(
        ("127.0.0.1", 0), Changing(), samples, webcam=scripts, title="a model"
    ) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(*server.server_address, timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    is_json = answer.headers["Content-Type"] == "application/json"
    return answer.status, json.loads(content) if is_json else content, answer.headers


def parquet_bytes(table):
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def test_the_page_and_its_files_are_served_with_a_strict_policy(server):
    status, page, headers = ask(server, "GET", "/")
    assert status == 200
    assert b'<script type="module" src=' in page
    assert b"<script>" not in page
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    for path in ("/demo.js", "/demo.css", "/page.css", "/drawing.js", "/webcam/holistic.js"):
        assert ask(server, "GET", path)[0] == 200
    about = ask(server, "GET", "/about")[1]
    assert about["samples"] == ["long", "no hand"]
    assert max(k for chains in about["chains"].values() for c in chains for k in c) < len(
        about["rows"]
    )


def test_a_sample_shows_how_the_signs_change(server):
    _, found, _ = ask(server, "GET", "/samples/long")
    assert len(found["frames"]) == 300
    assert len(found["moments"]) == clips.MAX_MOMENTS
    assert (found["moments"][0]["frame"], found["moments"][-1]["frame"]) == (0, 299)
    assert found["moments"][-1]["signs"][0] == HOSTILE
    assert found["moments"][0]["probabilities"][0] < found["moments"][-1]["probabilities"][0]
    lines = {line["sign"]: line["probabilities"] for line in found["lines"]}
    assert next(iter(lines)) == HOSTILE
    assert [found["moments"][at]["sure"] for at in (0, -1)] == [False, True]
    assert len(lines["bee"]) == clips.MAX_MOMENTS
    assert set(lines["bee"]) == {0.02}
    assert not ask(server, "GET", "/samples/no%20hand")[1]["moments"][0]["has_hand"]


def test_a_clip_and_live_landmarks_are_answered(server):
    landmarks = landmarks_of(7)
    status, found, _ = ask(server, "POST", "/clip", parquet_bytes(clip_table(landmarks)))
    assert (status, len(found["frames"]), len(found["moments"])) == (200, 7, 7)
    status, moment, _ = ask(server, "POST", "/landmarks", landmarks.astype("<f4").tobytes())
    assert status == 200
    assert moment["has_hand"]


def claims(rows):
    """A small file of many rows, all null."""
    columns = {name: pa.nulls(rows, pa.float64()) for name in "xyz"}
    return parquet_bytes(pa.table({**columns, "landmark_index": pa.nulls(rows, pa.int16())}))


def with_column(name, values):
    table = clip_table(landmarks_of(1))
    return parquet_bytes(table.set_column(table.column_names.index(name), name, values))


def lists():
    """One frame whose numbers are long lists."""
    ends = np.arange(544, dtype=np.int32) * 2000
    return with_column("x", pa.ListArray.from_arrays(pa.array(ends), pa.array(np.zeros(ends[-1]))))


def texts():
    """One text of a megabyte, named in every row."""
    rows = pa.array(np.zeros(543, np.int32))
    return with_column("x", pa.DictionaryArray.from_arrays(rows, pa.array(["a" * 10**6])))


def twice():
    table = clip_table(landmarks_of(1))
    return parquet_bytes(table.append_column("x", table["x"]))


class Long(int):
    """Written as 64 bits."""


class Structure(bytes):
    """An encoded structure."""


def varint(number):
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def thrift_value(value):
    """Returns kind and bytes in Thrift's compact protocol, in which parquet's footer is written."""
    if isinstance(value, int):
        return (6 if isinstance(value, Long) else 5), varint(value << 1)
    if isinstance(value, Structure):
        return 12, bytes(value)
    if isinstance(value, bytes):
        return 8, varint(len(value)) + value
    encoded = [thrift_value(item) for item in value]
    return 9, bytes([len(value) << 4 | encoded[0][0]]) + b"".join(item for _, item in encoded)


def thrift(*fields):
    """Encodes a structure of numbered fields."""
    found, last = b"", 0
    for number, value in fields:
        kind, encoded = thrift_value(value)
        found += bytes([number - last << 4 | kind]) + encoded
        last = number
    return Structure(found + b"\0")


def forged(unpacked):
    """A clip of one frame whose first page unpacks to as many bytes, whatever its footer says.

    pyarrow writes no such file, so pages and footer are put together here.
    """
    order = np.concatenate([np.arange(size, dtype="<i4") for size in (468, 21, 33, 21)])
    pages = {name: (5, bytes(543 * 8)) for name in (b"x", b"y", b"z")}
    pages |= {b"x": (5, bytes(unpacked)), b"landmark_index": (1, order.tobytes())}
    file, columns = b"PAR1", []
    for name, (kind, page) in pages.items():
        packed, start = pa.compress(page, codec="zstd", asbytes=True), len(file)
        values = thrift((1, 543), (2, 0), (3, 3), (4, 3))
        file += thrift((1, 0), (2, len(page)), (3, len(packed)), (5, values)) + packed
        sizes = [(5, Long(543)), (6, Long(4344)), (7, Long(len(file) - start)), (9, Long(start))]
        about = thrift((1, kind), (2, [0, 3]), (3, [name]), (4, 6), *sizes)
        columns.append(thrift((2, Long(start)), (3, about)))
    schema = [thrift((4, b"schema"), (5, 4))]
    schema += [thrift((1, kind), (3, 0), (4, name)) for name, (kind, _) in pages.items()]
    group = thrift((1, columns), (2, Long(20_000)), (3, Long(543)))
    footer = thrift((1, 1), (2, schema), (3, Long(543)), (4, [group]))
    return file + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/clip", b"no parquet", 400, "must be a parquet file"),
        ("POST", "/clip", b"", 400, "must be a parquet file"),
        ("POST", "/clip", b"PAR1" * 100, 400, "must be a parquet file"),
        ("POST", "/clip", parquet_bytes(pa.table({"a": [1]})), 400, "wrong columns"),
        ("POST", "/clip", claims(543 * 11_000), 400, "more than 10,000 frames"),
        ("POST", "/clip", parquet_bytes(clip_table(landmarks_of(2)).slice(5)), 400, "multiple"),
        ("POST", "/clip", lists(), 400, "one column x of numbers"),
        ("POST", "/clip", texts(), 400, "one column x of numbers"),
        ("POST", "/clip", twice(), 400, "one column x of numbers"),
        ("POST", "/landmarks", b"", 400, "must be float32"),
        ("POST", "/landmarks", b"abcd", 400, "must be float32"),
        ("POST", "/landmarks", np.full(1629, np.nan, "<f4").tobytes(), 400, "is missing"),
        ("POST", "/landmarks", np.full(1629, np.inf, "<f4").tobytes(), 400, "infinity"),
        ("POST", "/elsewhere", b"", 404, "no such page"),
        ("GET", "/samples/none", None, 404, "no such sample"),
        ("GET", "/../server.py", None, 404, "no such page"),
        ("GET", "/%2e%2e/server.py", None, 404, "no such page"),
        ("GET", "/webcam/../clips.py", None, 404, "no such page"),
        ("GET", "/webcam/%2e%2e%2fclips.py", None, 404, "no such page"),
        ("GET", "//etc/passwd", None, 404, "no such page"),
    ],
)
def test_errors_are_one_sentence(server, method, path, body, status, message):
    import re

    got, answer, _ = ask(server, method, path, body)
    assert got == status
    assert re.search(message, answer["error"])
    assert len(answer["error"].splitlines()) == 1


def test_a_broken_address_is_answered(server):
    connection = http.client.HTTPConnection(*server.server_address, timeout=60)
    connection.putrequest("GET", "http://[", skip_host=True)
    connection.putheader("Host", f"127.0.0.1:{server.server_address[1]}")
    connection.endheaders()
    assert connection.getresponse().status == 404
    connection.close()


def test_a_file_that_lies_about_its_size_is_read_in_bounded_memory(server):
    status, found, _ = ask(server, "POST", "/clip", forged(543 * 8))
    assert (status, len(found["frames"])) == (200, 1), "what is put together here can be read"
    hostile = forged(2**31 - 2**20)
    assert len(hostile) < 2**18
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status, answer, _ = ask(server, "POST", "/clip", hostile)
    assert (status, "unreadable" in answer["error"]) == (400, True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss == before


def test_a_file_that_takes_too_long_is_refused(server, monkeypatch):
    monkeypatch.setattr(reading, "MAX_SECONDS", 0.01)
    status, answer, _ = ask(server, "POST", "/clip", parquet_bytes(clip_table(landmarks_of(1))))
    assert (status, "could not be read in" in answer["error"]) == (400, True)


def test_a_file_that_claims_to_be_large_is_refused(tmp_path, monkeypatch):
    pq.write_table(clip_table(landmarks_of(1)), tmp_path / "clip.parquet")
    monkeypatch.setattr(reading, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(DataError, match="may unpack to"):
        reading.require_bounds(tmp_path / "clip.parquet")


def test_only_the_page_itself_is_answered(server):
    port = server.server_address[1]
    assert ask(server, "GET", "/about", Host="evil.example")[0] == 403
    assert ask(server, "GET", "/about", Host=f"evil.example:{port}")[0] == 403
    assert ask(server, "POST", "/landmarks", b"abcd", Origin="http://evil.example")[0] == 403
    assert ask(server, "POST", "/landmarks", b"abcd", Origin="null")[0] == 403
    assert ask(server, "GET", "/about", Origin=f"http://127.0.0.1:{port}")[0] == 200


def test_uploads_are_limited_before_they_are_read(server):
    for headers, status in (
        ({"Content-Length": str(10**12)}, 413),
        ({"Content-Length": "-5"}, 411),
        ({"Content-Length": "\xb2"}, 411),
        ({"Content-Length": "9" * 5000}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
    ):
        connection = http.client.HTTPConnection(*server.server_address, timeout=60)
        connection.putrequest("POST", "/clip")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()


def test_a_taken_port_is_an_error(server):
    with pytest.raises(GislrError, match="is taken; choose another, as port=PORT"):
        DemoServer(server.server_address, Changing(), {}, webcam=None, title="")
    with pytest.raises(GislrError, match="choose a port from 1024 to 65535"):
        DemoServer(("127.0.0.1", 70_000), Changing(), {}, webcam=None, title="")


@pytest.mark.slow
@needs_browser
def test_a_browser_plays_a_clip_and_shows_how_the_signs_change(server, tmp_path):
    clip, text = tmp_path / "clip.parquet", tmp_path / "text.parquet"
    clip.write_bytes(parquet_bytes(clip_table(landmarks_of(40))))
    text.write_text("no parquet")
    with browser() as page:
        page.size(1200, 800)
        page.open(server.address)
        page.wait("document.querySelectorAll('#bars li').length == 5")
        first = page.run("return document.querySelector('#bars .value').textContent")
        page.wait(f"document.querySelector('#bars .value').textContent != '{first}'")
        assert page.run("return document.querySelector('#bars .name').textContent") == HOSTILE
        assert page.run("return document.querySelectorAll('#bars img, #legend img').length") == 0
        ink = "document.getElementById('drawing').getContext('2d').getImageData(0, 0, 500, 500)"
        assert page.run(f"return {ink}.data.some((value) => value > 0)")
        page.choose_file("#file", clip)
        page.wait("document.getElementById('frame').textContent.endsWith('/ 40')")
        chosen = "return document.getElementById('samples').selectedOptions[0].text"
        assert page.run(chosen) == "clip.parquet", "an own clip is not called a sample"
        page.choose_file("#file", text)
        message = page.wait("document.getElementById('message').textContent")
        assert message == "text.parquet: A clip must be a parquet file; this is none."
        assert page.run(chosen) == "clip.parquet", "what was shown stays"
        page.run(FIRST_SAMPLE)
        page.wait("document.getElementById('frame').textContent.endsWith('/ 300')")
        assert page.run("return document.getElementById('message').hidden")
        size = len(page.run("return document.documentElement.outerHTML"))
        assert size > 1000
        page.size(400, 800)
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.run(wide) <= 0, "nothing sticks out on a phone"


@pytest.mark.slow
@needs_browser
@pytest.mark.skipif(webcam.folder() is None, reason="needs gislr demo fetch_webcam=true")
def test_the_webcam_is_read_in_the_page(tmp_path):
    """A camera that shows nobody: MediaPipe runs in the page under its policy, and says so."""
    from PIL import Image

    rng = np.random.default_rng(0)
    with (tmp_path / "camera.mjpeg").open("wb") as video:
        for _ in range(10):
            noise = rng.integers(0, 255, (480, 640, 3), np.uint8)
            Image.fromarray(noise).save(video, "JPEG")
    camera = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path / 'camera.mjpeg'}",
        "--use-gl=angle",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
    ]
    samples = {"one": lambda: landmarks_of(9)}
    with DemoServer(
        ("127.0.0.1", 0), Changing(), samples, webcam=webcam.folder(), title="a model"
    ) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        with browser(*camera) as page:
            page.open(found.address)
            page.wait("document.querySelectorAll('#bars li').length == 5")
            page.run("document.getElementById('webcam').click()")
            page.wait("document.getElementById('hint').textContent == 'No person is visible.'", 150)
            assert page.run("return document.getElementById('message').textContent") == ""
            text = tmp_path / "text.parquet"
            text.write_text("no parquet")
            page.choose_file("#file", text)
            page.wait("document.getElementById('message').textContent")
            page.run("document.getElementById('webcam').click()")
            page.wait("document.getElementById('webcam').textContent == 'Webcam'")
            page.run(FIRST_SAMPLE)
            page.wait("document.getElementById('frame').textContent == '9 / 9'")
        found.shutdown()


@pytest.mark.slow
def test_the_command_serves_a_model_and_ends_quietly(tmp_path):
    from gislr.export.litert import litert
    from tests.test_export import SIGNS, trained

    (tmp_path / "model.tflite").write_bytes(*litert([trained("transformer")]))
    write_label_map(tmp_path / LABEL_MAP, SIGNS)
    pq.write_table(clip_table(landmarks_of(4)), tmp_path / "mine.parquet")
    command = [sys.executable, "-m", "gislr.demo", f"model={tmp_path / 'model.tflite'}"]
    process = subprocess.Popen(
        [*command, "port=0", str(tmp_path / "mine.parquet")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        lines = []
        while not (lines and "http://" in lines[-1]):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        port = int(lines[-1].split("127.0.0.1:")[1].split()[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/samples/mine.parquet")
        assert len(json.load(connection.getresponse())["moments"][0]["signs"]) == 3
        connection.close()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read().splitlines()[-1] == "Interrupted."
    finally:
        process.kill()
    done = subprocess.run([*command, "none.parquet"], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
