"""Serves the page, and answers nobody else's pages."""

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
MOST_LIVE_FRAMES = 400
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".wasm": "application/wasm",
}
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class DemoServer(ThreadingHTTPServer):
    """The page and what it asks for.

    Args:
        address: The host, 127.0.0.1 as a rule, and the port; 0 for any free one.
        recognizer: The model.
        samples: Clips to choose from, by name: what reads each.
        webcam: Folder of MediaPipe's JavaScript, if it was fetched.
        title: What the model is called.

    Raises:
        GislrError: The host is none of this machine, or the port taken or none that may be used.
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
        # One interpreter serves one clip at a time.
        self.lock = threading.Lock()
        self.host, port = address
        try:
            super().__init__(address, _Handler)
        except (PermissionError, OverflowError):
            raise GislrError(
                f"Port {port} cannot be used; choose --port from 1024 to 65535."
            ) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise GislrError(
                    f"host must be an address of this machine; {self.host} is none."
                ) from None
            raise GislrError(f"Port {port} is taken; choose another with --port.") from None

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{self.host}:{self.server_address[1]}"

    def is_called(self, name: str) -> bool:
        """Tells whether a page asks for this machine; names may be made to lead here by others."""
        if name in (HOST, "localhost", self.host):
            return True
        return not is_own(self.host) and (is_address(name) or name == socket.gethostname())


class _Refusal(Exception):
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
        """Keeps the terminal quiet."""

    def _answer(self, answer: Callable[[str], None]) -> None:
        try:
            self._require_own_page()
            answer(unquote(self.path.partition("?")[0]))
        except _Refusal as system_error_message:
            self._send_json({"error": str(system_error_message)}, system_error_message.status)
        except DataError as error:
            self._send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _require_own_page(self) -> None:
        """Refuses pages of other sites, also those whose name leads to this machine."""
        host = self.headers.get("Host", "")
        name, _, port = host.rpartition(":")
        if not self.server.is_called(name) or port != str(self.server.server_address[1]):
            raise _Refusal(HTTPStatus.FORBIDDEN, "Only pages of this machine are answered.")
        if self.headers.get("Origin", f"http://{host}") != f"http://{host}":
            raise _Refusal(HTTPStatus.FORBIDDEN, "Only the page itself may send clips.")

    def _get(self, path: str) -> None:
        if path == "/about":
            about = {
                "title": self.server.title,
                "signs": len(self.server.recognizer.signs),
                "samples": list(self.server.samples),
                "webcam": self.server.webcam is not None,
                "most_bytes": clips.MOST_BYTES,
                **clips.drawing(),
            }
            self._send_json(about)
        elif path.startswith("/samples/"):
            name = path.removeprefix("/samples/")
            if name not in self.server.samples:
                raise _Refusal(HTTPStatus.NOT_FOUND, "There is no such sample.")
            self._describe(self.server.samples[name]())
        elif path.startswith("/webcam/") and self.server.webcam is not None:
            self._send_file(self.server.webcam, path.removeprefix("/webcam/"))
        else:
            self._send_file(PAGE, path.removeprefix("/") or "index.html")

    def _post(self, path: str) -> None:
        if path == "/clip":
            self._describe(read_upload(self._body(clips.MOST_BYTES)))
        elif path == "/landmarks":
            size = LANDMARKS_PER_FRAME * 3 * 4
            body = self._body(MOST_LIVE_FRAMES * size)
            if not body or len(body) % size:
                raise DataError("Landmarks must be float32 [frames, 543, 3].")
            landmarks = np.frombuffer(body, "<f4").reshape(-1, LANDMARKS_PER_FRAME, 3)
            with self.server.lock:
                [found] = most_likely(self.server.recognizer, [check_landmarks(landmarks)])
            self._send_json(clips.as_json(found))
        else:
            raise _Refusal(HTTPStatus.NOT_FOUND, "There is no such page.")

    def _describe(self, landmarks: clips.Float32) -> None:
        with self.server.lock:
            described = clips.described(self.server.recognizer, landmarks)
        self._send_json(described)

    def _body(self, most: int) -> bytes:
        length = self.headers.get("Content-Length", "")
        # What was sent and not read cannot be told from the next request.
        self.close_connection = True
        if not re.fullmatch("[0-9]{1,15}", length):
            raise _Refusal(HTTPStatus.LENGTH_REQUIRED, "A file must come with its length.")
        if int(length) > most:
            raise _Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"A file may have {most / 2**20:.0f} MB; this one has {int(length) / 2**20:.0f}.",
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise DataError("The file ended early; send it again.")
        return body

    def _send_file(self, folder: Path, name: str) -> None:
        known = {file.name: file for file in folder.iterdir() if file.is_file()}
        if name not in known:
            raise _Refusal(HTTPStatus.NOT_FOUND, "There is no such page.")
        kind = _TYPES.get(known[name].suffix, "application/octet-stream")
        self._send(known[name].read_bytes(), kind)

    def _send_json(self, values: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(values).encode(), "application/json", status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)
