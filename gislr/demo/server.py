"""Serves the page to try a model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path

from gislr.demo import demo_clips as clips
from gislr.demo.uploads import read_upload
from gislr.inference import Recognizer, most_likely
from gislr.web.page_server import (
    FRAME_BYTES,
    HttpError,
    PageHandler,
    PageServer,
    drawing,
    landmarks_of_body,
)

MAX_LIVE_FRAMES = 400


class DemoServer(PageServer):
    """Serves the page and answers its requests.

    Args:
        address: The host, usually 127.0.0.1, and the port; 0 for any free one.
        recognizer: The model.
        samples: A function that reads each clip that the page offers, by name.
        webcam: Folder of MediaPipe's JavaScript, or `None` without it.
        title: The model's name.

    Raises:
        GislrError: The host is no address of this machine, or the port cannot be used.
    """

    def __init__(
        self,
        address: tuple[str, int],
        recognizer: Recognizer,
        samples: Mapping[str, Callable[[], clips.Float32]],
        *,
        webcam: Path | None,
        title: str,
    ) -> None:
        self.recognizer, self.samples, self.title = recognizer, samples, title
        self.lock = threading.Lock()  # one interpreter recognizes one clip at a time
        super().__init__(address, _Handler, webcam)


class _Handler(PageHandler):
    page = Path(__file__).with_name("page")
    server: DemoServer

    def get(self, path: str) -> None:
        server = self.server
        if path == "/about":
            about = {
                "title": server.title,
                "signs": len(server.recognizer.signs),
                "samples": list(server.samples),
                "webcam": server.webcam is not None,
                "max_bytes": clips.MAX_BYTES,
            }
            self.send_json(about | drawing())
        elif path.startswith("/samples/"):
            if (name := path.removeprefix("/samples/")) not in server.samples:
                raise HttpError(HTTPStatus.NOT_FOUND, "There is no such sample.")
            self._send_clip(server.samples[name]())
        else:
            super().get(path)

    def post(self, path: str) -> None:
        if path == "/clip":
            self._send_clip(read_upload(self.body(clips.MAX_BYTES)))
        elif path == "/landmarks":
            landmarks = landmarks_of_body(self.body(MAX_LIVE_FRAMES * FRAME_BYTES))
            with self.server.lock:
                [found] = most_likely(self.server.recognizer, [landmarks])
            self.send_json(clips.as_json(found))
        else:
            super().post(path)

    def _send_clip(self, landmarks: clips.Float32) -> None:
        with self.server.lock:
            clip = clips.describe_clip(self.server.recognizer, landmarks)
        self.send_json(clip)
