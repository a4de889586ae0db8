"""The page in a real browser, from a plain web server: what it computes, shows and refuses."""

import functools
import http.server
import json
import shutil
from contextlib import ExitStack

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gislr.demo.demo_page import demo_page
from gislr.export.litert import litert
from gislr.inference.litert_recognizer import LiteRTRecognizer
from gislr.web import npm_packages
from gislr.web.page_files import write_page
from tests.browser import FAKE_CAMERA, SOFTWARE_WEBGL, browser, needs_browser
from tests.conftest import clip_table, landmarks_of
from tests.serving import serving
from tests.test_demo import HOSTILE, needs_packages
from tests.test_export import SIGNS, clip, trained

pytestmark = [pytest.mark.release, needs_browser, needs_packages]

TAB, ENTER, SPACE, RIGHT = "\ue004", "\ue007", " ", "\ue014"
READY, LOADED = (f"document.body.dataset.state == '{state}'" for state in ("ready", "offline"))
STATE = "document.body.dataset.view"
STAND_IN = """\
/* Finds someone who raises a moving hand for a second, lowers it for a second, and so on. */
window.Holistic = class {
  setOptions() {}
  async initialize() {}
  reset() { this.number = 0; }
  onResults(listener) { this.listener = listener; }
  async send() {
    const [number, raised] = [this.number++, Math.floor(this.number / 30) % 2 === 0];
    const hand = Array.from({ length: 21 }, (_, k) => (
      { x: 0.5 + 0.2 * Math.sin(number / 3 + k / 9), y: 0.4 + k / 99, z: 0 }));
    const pose = Array.from({ length: 33 }, () => ({ x: 0.5, y: 1.2, z: 0 }));
    pose[0].y = 0.2;
    pose[11].y = pose[12].y = 0.5;
    const found = { leftHandLandmarks: raised ? hand : undefined, poseLandmarks: pose };
    this.listener(window.nobody ? {} : found);
  }
};
"""
CHOOSE_A_VIDEO = """\
const canvas = document.createElement("canvas");
[canvas.width, canvas.height] = [160, 120];
const context = canvas.getContext("2d");
const paint = () => {
  context.fillStyle = `hsl(${performance.now() / 9}, 50%, 50%)`;
  context.fillRect(0, 0, 160, 120);
};
const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: "video/webm" });
const parts = [];
recorder.ondataavailable = (event) => parts.push(event.data);
const timer = setInterval(paint, 20);
recorder.start();
return new Promise((resolve) => {
  recorder.onstop = () => {
    clearInterval(timer);
    const chosen = new DataTransfer();
    chosen.items.add(new File(parts, "video.webm", { type: "video/webm" }));
    document.getElementById("file").files = chosen.files;
    document.getElementById("file").dispatchEvent(new Event("change"));
    resolve();
  };
  setTimeout(() => recorder.stop(), arguments[0] * 1000);
});
"""


@pytest.fixture(scope="module")
def content():
    return litert([trained("transformer")])[0]


@pytest.fixture(scope="module")
def packages():
    return {**npm_packages.runtime(), **npm_packages.mediapipe()}


@pytest.fixture
def serve(content, packages, tmp_path):
    """Writes a page, with some of its files replaced, and serves it in a subfolder."""
    started = ExitStack()

    def start(clips, signs=(HOSTILE, *SIGNS[1:]), **replaced):
        page = demo_page(LiteRTRecognizer(content, [*signs], 0.3), "a model", clips, packages)
        write_page({**page, **replaced}, tmp_path / "site/some/page")
        handler = functools.partial(Quiet, directory=tmp_path / "site")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        started.enter_context(serving(server))
        return f"http://127.0.0.1:{server.server_address[1]}/some/page/"

    with started:
        yield start


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def text_of(page, name):
    return page.run("return document.getElementById(arguments[0]).textContent", name)


def choose_sample(page, number):
    page.run(
        "const list = document.getElementById('samples'); list.value = arguments[0];"
        "list.dispatchEvent(new Event('change'))",
        str(number),
    )


def sticks_out(page):
    return page.run(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def test_probabilities_equal_those_of_python(serve, content):
    """Fifty clips of 1 to 256 frames, in which landmarks are missing, and a longer one."""
    lengths = np.linspace(1, 256, 50).round().astype(int).tolist()
    clips = {str(k): clip(n, k, ("left", "right")[k % 2]) for k, n in enumerate(lengths)}
    long = clip(700, 99)
    expected = LiteRTRecognizer(content, SIGNS).probabilities([*clips.values()])
    spread = long[np.floor(np.arange(256) * (699 / 255) + 0.5).astype(int)]
    [of_long] = LiteRTRecognizer(content, SIGNS).probabilities([spread])
    address = serve({**clips, "long": long})
    with browser() as page:
        page.open(f"{address}about.json")
        found = page.run(
            "const [{ openRecognizer }, { readClip }] = await Promise.all(["
            "  import(`${arguments[0]}recognizer.js`), import(`${arguments[0]}clip_file.js`)]);"
            "const load = async (path) => fetch(arguments[0] + path);"
            "const about = await (await load('about.json')).json();"
            "const recognizer = await openRecognizer(about);"
            "const found = [];"
            "for (const { file } of about.samples) {"
            "  const frames = await readClip(await (await load(file)).arrayBuffer());"
            "  found.push([...await recognizer.probabilities(frames)]);"
            "}"
            "return found;".join(["return (async () => {", "})()"]).replace(
                "arguments[0]", json.dumps(address)
            )
        )
    np.testing.assert_allclose(found[:-1], expected, atol=1e-4)
    np.testing.assert_allclose(found[-1], of_long, atol=1e-4)


def test_a_clip_is_played_and_files_are_opened(serve, tmp_path):
    own, text, other = (tmp_path / f"{name}.parquet" for name in ("own", "text", "other"))
    pq.write_table(clip_table(landmarks_of(40)), own)
    pq.write_table(pa.table({"a": [1]}), other)
    text.write_text("no parquet")
    page_signs = (HOSTILE, "cow", "</script><script>alert(1)</script>")
    address = serve({"long": landmarks_of(300), "no hand": landmarks_of(3, hand=None)}, page_signs)
    with browser() as page:
        page.size(1200, 800)
        page.open(address)
        page.wait("document.querySelectorAll('#bars li').length == 3")
        first = text_of(page, "frame")
        page.wait(f"document.getElementById('frame').textContent != '{first}'")
        names = "return [...document.querySelectorAll('#bars .name')].map((one) => one.textContent)"
        assert {*page.run(names)} == {*page_signs}
        inside = "document.querySelectorAll('main img, footer img, main script, footer script')"
        assert page.run(f"return {inside}.length") == 0
        ink = "document.getElementById('drawing').getContext('2d').getImageData(0, 0, 500, 500)"
        assert page.run(f"return {ink}.data.some((value) => value > 0)")
        choose_sample(page, 1)
        page.wait("document.getElementById('frame').textContent.endsWith('/ 3')")
        assert "No hand was found" in text_of(page, "doubt")
        assert text_of(page, "status") == "No hand was found in the clip."
        page.wait(LOADED, 180)
        page.choose_file("#file", own)
        page.wait("document.getElementById('frame').textContent.endsWith('/ 40')")
        chosen = "return document.getElementById('samples').selectedOptions[0].text"
        assert page.run(chosen) == "own.parquet"
        for path, message in (
            (text, "text.parquet: A clip must be a parquet file or a video; this is neither."),
            (other, "other.parquet: A clip needs the columns landmark_index, x, y and z; this"),
        ):
            page.choose_file("#file", path)
            assert page.wait("document.getElementById('message').textContent").startswith(message)
            assert page.run(chosen) == "own.parquet", "what was shown stays"
        choose_sample(page, 0)
        page.wait("document.getElementById('frame').textContent.endsWith('/ 300')")
        assert page.run("return document.getElementById('message').hidden")


def test_it_works_without_a_network_and_asks_nobody_else(serve):
    """The fake camera shows nobody: MediaPipe runs in the page, and says so."""
    address = serve({"one": landmarks_of(9), "two": landmarks_of(20)})
    with browser(*FAKE_CAMERA, *SOFTWARE_WEBGL) as page:
        page.open(address)
        page.wait(LOADED, 180)
        asked = page.requested()
        assert len(asked) > 30
        assert {url for url in asked if not url.startswith((address, "data:"))} == set()
        page.devtools(
            "Network.emulateNetworkConditions",
            offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1,
        )  # fmt: skip
        choose_sample(page, 1)
        page.wait("document.getElementById('frame').textContent.endsWith('/ 20')")
        page.run("document.getElementById('webcam').click()")
        page.wait("document.getElementById('hint').textContent == 'No person is visible.'", 300)
        assert page.run("return document.getElementById('message').hidden")
        page.run("document.getElementById('webcam').click()")
        page.wait(f"{STATE} == 'clip'")
        page.run(CHOOSE_A_VIDEO, 0.5)
        page.wait("document.getElementById('status').textContent.startsWith('No person')", 300)
        assert [url for url in page.requested() if not url.startswith(("blob:", "data:"))] == []


def test_signs_of_the_webcam_and_of_videos_are_listed(serve):
    address = serve({"one": landmarks_of(9)}, **{"mediapipe/holistic.js": STAND_IN.encode()})
    with browser(*FAKE_CAMERA, *SOFTWARE_WEBGL) as page:
        page.open(address)
        page.wait(LOADED)
        page.run(CHOOSE_A_VIDEO, 5)
        page.wait("document.getElementById('status').textContent.includes('recognized in')", 60)
        times = "return [...document.querySelectorAll('#events time')].map((one) => one.innerText)"
        found = page.run(times)
        assert found[-2:] == ["0:02.0", "0:00.0"], "of the longer video that a slow computer makes"
        assert text_of(page, "status") == f"{len(found)} signs recognized in video.webm."
        assert page.run("return document.querySelectorAll('#events img').length") == 0
        assert text_of(page, "webcam") == "Use the webcam"
        page.run("document.getElementById('webcam').click()")
        page.wait(f"{STATE} == 'webcam'")
        assert page.run("return document.querySelectorAll('#events li').length") == 0
        page.wait("document.querySelectorAll('#events li').length")
        assert "frames a second" in text_of(page, "rate")
        assert "ms a prediction" in text_of(page, "speed-of-model")
        assert text_of(page, "hint") == "Only one person is followed."
        page.run("window.nobody = true")
        page.wait("document.getElementById('hint').textContent == 'No person is visible.'")
        choose_sample(page, 0)
        page.wait(f"{STATE} == 'clip'")
        assert page.run("return document.getElementById('video').srcObject === null")
        page.run(
            "const chosen = new DataTransfer();"
            "chosen.items.add(new File(['no video'], 'text.mp4', { type: 'video/mp4' }));"
            "document.getElementById('file').files = chosen.files;"
            "document.getElementById('file').dispatchEvent(new Event('change'))"
        )
        message = page.wait("document.getElementById('message').textContent")
        assert message.startswith("text.mp4: The browser cannot play this video; convert it")


def test_a_keyboard_reaches_everything_on_a_phone_in_the_dark(serve):
    stand_in = {"mediapipe/holistic.js": STAND_IN.encode()}
    with browser(*FAKE_CAMERA, *SOFTWARE_WEBGL) as page:
        calm = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        page.devtools("Emulation.setEmulatedMedia", features=calm + dark)
        page.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=360, height=740, deviceScaleFactor=2, mobile=True,
        )  # fmt: skip
        page.open(serve({"a name that is quite long for a phone": landmarks_of(30)}, **stand_in))
        page.wait(LOADED)
        assert sticks_out(page) <= 0
        assert text_of(page, "frame") == "30 / 30", "with reduced motion, nothing plays by itself"
        reached = []
        for _ in range(6):
            page.press(TAB)
            focused = "document.activeElement.id || document.activeElement.localName"
            reached.append(page.run(f"return {focused}"))
        assert reached == ["samples", "file", "webcam", "play", "seek", "summary"]
        page.run("document.getElementById('play').focus()")
        page.press(SPACE)
        assert text_of(page, "play") == "Pause"
        page.press(SPACE, TAB, RIGHT)
        assert page.run("return document.activeElement.id") == "seek"
        page.run("document.getElementById('webcam').focus()")
        page.press(ENTER)
        page.wait(f"{STATE} == 'webcam'")
        assert sticks_out(page) <= 0
        page.press(ENTER)
        page.wait(f"{STATE} == 'clip'")
        unnamed = page.run(
            "return [...document.querySelectorAll('button, input, select, canvas, progress')]"
            ".filter((one) => !(one.ariaLabel || one.innerText || one.labels?.length ||"
            " one.getAttribute('aria-labelledby')))"
            ".map((one) => one.id)"
        )
        assert unnamed == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (FAKE_CAMERA[:1], "The browser does not allow the webcam; allow it in the address bar."),
        ((), "No webcam was found; connect one, or open a video."),
    ],
    ids=["refused", "none"],
)
def test_no_webcam_is_one_sentence(serve, arguments, message):
    address = serve({"one": landmarks_of(9)}, **{"mediapipe/holistic.js": STAND_IN.encode()})
    with browser(*arguments, *SOFTWARE_WEBGL) as page:
        page.open(address)
        page.wait(LOADED)
        page.run("document.getElementById('webcam').click()")
        assert page.wait("document.getElementById('message').textContent") == message
        assert page.run(f"return {STATE}") == "clip", "the clip stays"


def test_what_cannot_run_is_one_sentence(serve, tmp_path):
    address = serve({"one": landmarks_of(9)})
    folder = tmp_path / "site/some/page"
    with browser() as page:
        page.open((folder / "index.html").as_uri())
        message = page.wait("document.getElementById('message').innerText")
        assert message.startswith("Browsers run this page only from a web server")
        source = "WebAssembly.validate = () => false"
        script = page.devtools("Page.addScriptToEvaluateOnNewDocument", source=source)
        page.open(address)
        message = page.wait("document.getElementById('message').textContent")
        assert message.startswith("This page needs a browser with WebAssembly SIMD")
        page.devtools("Page.removeScriptToEvaluateOnNewDocument", **script)
        about = json.loads((folder / "about.json").read_text())
        (folder / "about.json").write_text(json.dumps({**about, "signs": ["only one"]}))
        page.open(address)
        message = page.wait("document.getElementById('message').textContent")
        assert message == (
            "The model knows 3 signs, but about.json names 1; export the page once more."
        )
        shutil.rmtree(folder / "litert")
        page.open(address)
        message = page.wait("document.getElementById('message').textContent")
        assert message.startswith("A part of this page could not be loaded: reload it")
