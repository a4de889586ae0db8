"""Serves the page to this machine, and refuses pages of other sites."""

from __future__ import annotations

import errno
import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from gislr.data.landmarks import LANDMARKS_PER_FRAME
from gislr.demo import demo_clips as clips
from gislr.demo.uploads import read_upload
from gislr.inference import Recognizer, check_landmarks, most_likely
from gislr.utils.addresses import HOST, is_address, is_own
from gislr.utils.errors import DataError, GislrError

PAGE = Path(__file__).with_name("page")
MAX_LIVE_FRAMES = 400
_FRAME_BYTES = LANDMARKS_PER_FRAME * 3 * 4
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".wasm": "application/wasm",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; "
        "media-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class DemoServer(ThreadingHTTPServer):
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

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        recognizer: Recognizer,
        samples: Mapping[str, Callable[[], clips.Float32]],
        *,
        webcam: Path | None,
        title: str,
    ) -> None:
        self.recognizer, self.samples = recognizer, samples
        self.webcam, self.title = webcam, title
        self.lock = threading.Lock()  # one interpreter recognizes one clip at a time
        self.host, port = address
        try:
            super().__init__(address, _Handler)
        except (OSError, OverflowError) as error:
            code = getattr(error, "errno", None)
            if code == errno.EADDRINUSE:
                message = f"Port {port} is taken; choose another, as port=PORT."
            elif isinstance(error, PermissionError | OverflowError):
                message = f"Port {port} cannot be used; choose a port from 1024 to 65535."
            else:
                message = f"host must be an address of this machine; {self.host} is none."
            raise GislrError(message) from None

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://{self.host}:{self.server_address[1]}"

    def accepts(self, name: str) -> bool:
        """Tells whether a host name means this machine; others can make their names lead here."""
        if name in (HOST, "localhost", self.host):
            return True
        return not is_own(self.host) and (is_address(name) or name == socket.gethostname())


class _HttpError(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: DemoServer
    server_version, sys_version = "gislr", ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing."""

    def _answer(self, answer: Callable[[str], None]) -> None:
        try:
            self._require_own_page()
            answer(unquote(self.path.partition("?")[0]))
        except _HttpError as error:
            self._send_json({"error": str(error)}, error.status)
        except DataError as error:
            self._send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _require_own_page(self) -> None:
        """Refuses pages of other sites, also those whose name leads to this machine."""
        host = self.headers.get("Host", "")
        name, _, port = host.rpartition(":")
        if not self.server.accepts(name) or port != str(self.server.server_address[1]):
            raise _HttpError(HTTPStatus.FORBIDDEN, "Only pages of this machine get an answer.")
        if self.headers.get("Origin", f"http://{host}") != f"http://{host}":
            raise _HttpError(HTTPStatus.FORBIDDEN, "Only the page itself may send clips.")

    def _get(self, path: str) -> None:
        server = self.server
        if path == "/about":
            about = {
                "title": server.title,
                "signs": len(server.recognizer.signs),
                "samples": list(server.samples),
                "webcam": server.webcam is not None,
                "max_bytes": clips.MAX_BYTES,
            }
            self._send_json(about | clips.drawing())
        elif path.startswith("/samples/"):
            if (name := path.removeprefix("/samples/")) not in server.samples:
                raise _HttpError(HTTPStatus.NOT_FOUND, "There is no such sample.")
            self._send_clip(server.samples[name]())
        elif path.startswith("/webcam/") and server.webcam is not None:
            self._send_file(server.webcam, path.removeprefix("/webcam/"))
        else:
            self._send_file(PAGE, path.removeprefix("/") or "index.html")

    def _post(self, path: str) -> None:
        if path == "/clip":
            self._send_clip(read_upload(self._body(clips.MAX_BYTES)))
        elif path == "/landmarks":
            body = self._body(MAX_LIVE_FRAMES * _FRAME_BYTES)
            if not body or len(body) % _FRAME_BYTES:
                raise DataError("Landmarks must be float32 [frames, 543, 3].")
            landmarks = np.frombuffer(body, "<f4").reshape(-1, LANDMARKS_PER_FRAME, 3)
            with self.server.lock:
                [found] = most_likely(self.server.recognizer, [check_landmarks(landmarks)])
            self._send_json(clips.as_json(found))
        else:
            raise _HttpError(HTTPStatus.NOT_FOUND, "There is no such page.")

    def _body(self, max_bytes: int) -> bytes:
        length = self.headers.get("Content-Length", "")
        # The next request would start with an unread rest of the body.
        self.close_connection = True
        if not re.fullmatch("[0-9]{1,15}", length):
            raise _HttpError(HTTPStatus.LENGTH_REQUIRED, "A file must come with its length.")
        if int(length) > max_bytes:
            raise _HttpError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"A file may have {max_bytes / 2**20:.0f} MB; this one has "
                f"{int(length) / 2**20:.0f}.",
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise DataError("The file ended early; send it again.")
        return body

    def _send_clip(self, landmarks: clips.Float32) -> None:
        with self.server.lock:
            clip = clips.describe_clip(self.server.recognizer, landmarks)
        self._send_json(clip)

    def _send_file(self, folder: Path, name: str) -> None:
        files = {file.name: file for file in folder.iterdir() if file.is_file()}
        if name not in files:
            raise _HttpError(HTTPStatus.NOT_FOUND, "There is no such page.")
        content_type = _TYPES.get(files[name].suffix, "application/octet-stream")
        self._send(files[name].read_bytes(), content_type)

    def _send_json(self, values: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(values).encode(), "application/json", status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), **_HEADERS}
        for header in headers.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(content)
