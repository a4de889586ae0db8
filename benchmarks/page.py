"""Size and speed of the page, with the default model of 250 signs, in headless Chromium.

python -m benchmarks.page [--rounds 5]
"""

from __future__ import annotations

import argparse
import functools
import statistics as middle
import tempfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.exporting import SIGNS, default_trained
from tests.browser import FAKE_CAMERA, SOFTWARE_WEBGL, browser

FRAMES = (20, 256)
STATE = "document.body.dataset.state"
TIMED = """\
return (async ([root, lengths]) => {
  const about = await (await fetch(`${root}about.json`)).json();
  const { openRecognizer } = await import(`${root}recognizer.js`);
  const recognizer = await openRecognizer(about);
  const found = {};
  for (const length of lengths) {
    const clip = Array.from({ length }, () => new Float32Array(543 * 3).map(() => Math.random()));
    const times = [];
    for (let k = 0; k < 30; k += 1) {
      const start = performance.now();
      await recognizer.probabilities(clip);
      times.push(performance.now() - start);
    }
    found[length] = times.sort((a, b) => a - b)[15];
  }
  return found;
})(arguments);
"""


def main() -> None:
    """Prints the page's size, the time until it is ready, and its speed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "page"
        write(root)
        sizes = {path: path.stat().st_size for path in root.rglob("*") if path.is_file()}
        print(f"folder: {sum(sizes.values()) / 1e6:.1f} MB in {len(sizes)} files")
        for name in ("litert", "mediapipe", "hyparquet", "samples", "model.tflite"):
            part = sum(size for path, size in sizes.items() if root / name in (path, *path.parents))
            print(f"  {name}: {part / 1e6:.2f} MB")
        handler = functools.partial(_Quiet, directory=root)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_address[1]}/"
            report([measure(address) for _ in range(rounds)])
            rate = landmarks_rate(address, portrait_camera(Path(folder)))
            print(f"landmarks of one person, without a GPU: {rate} frames a second")
            server.shutdown()


def write(root: Path) -> None:
    """Writes the page."""
    from gislr.demo.demo_page import demo_page, simulated_clips
    from gislr.export.litert import litert
    from gislr.inference.litert_recognizer import LiteRTRecognizer
    from gislr.web import npm_packages
    from gislr.web.page_files import write_page

    model = default_trained()
    recognizer = LiteRTRecognizer(*litert([model]), model.signs)
    packages = {**npm_packages.runtime(), **npm_packages.mediapipe()}
    write_page(demo_page(recognizer, f"{SIGNS} signs", simulated_clips(), packages), root)


def portrait_camera(folder: Path) -> tuple[str, ...]:
    """Returns the flags of a webcam that shows matplotlib's photograph of a person."""
    from matplotlib.cbook import get_sample_data
    from PIL import Image

    with get_sample_data("grace_hopper.jpg") as file:
        person = Image.open(file).resize((400, 480))
    picture = Image.new("RGB", (640, 480), "gray")
    picture.paste(person, (120, 0))
    with (folder / "camera.mjpeg").open("wb") as video:
        for _ in range(10):
            picture.save(video, "JPEG")
    return (*FAKE_CAMERA, f"--use-file-for-fake-video-capture={folder / 'camera.mjpeg'}")


def measure(address: str) -> dict[str, float]:
    """Opens the page in a browser of its own."""
    with browser(*SOFTWARE_WEBGL) as page:
        page.open("about:blank")
        time.sleep(3)  # the browser's own start
        page.open(address)
        page.wait(f"{STATE} != 'loading'")
        ready = page.run("return performance.getEntriesByName('ready')[0].startTime")
        page.wait(f"{STATE} == 'offline'", 180)
        everything = page.run("return performance.now()")
        page.open(f"{address}about.json")
        times = page.run(TIMED, address, list(FRAMES))
    found = {"s to ready": ready / 1000, "s until it needs no network": everything / 1000}
    return found | {f"ms a prediction, {frames} frames": times[str(frames)] for frames in FRAMES}


def landmarks_rate(address: str, camera: tuple[str, ...]) -> float:
    """Returns in how many images a second MediaPipe finds landmarks."""
    with browser(*camera, *SOFTWARE_WEBGL) as page:
        page.open(address)
        page.wait(f"{STATE} == 'offline'", 180)
        page.run("document.getElementById('webcam').click()")
        page.wait("document.getElementById('rate').textContent", 300)
        time.sleep(20)
        return float(page.run("return document.getElementById('rate').textContent").split()[0])


def report(rounds: list[dict[str, float]]) -> None:
    """Prints the median of each figure, with the spread."""
    for name in rounds[0]:
        values = [each[name] for each in rounds]
        print(f"{name}: {middle.median(values):.2f} ({min(values):.2f} to {max(values):.2f})")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing."""


if __name__ == "__main__":
    main()
