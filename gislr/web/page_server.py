"""Serves a page to this machine, and refuses pages of other sites."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LANDMARKS_PER_FRAME
from gislr.inference import check_landmarks
from gislr.utils.addresses import HOST, explain_address, is_address, is_own
from gislr.utils.errors import DataError
from gislr.utils.system_errors import system_error_message
from gislr.web.page_files import INDEX, PageFiles

FRAME_BYTES = LANDMARKS_PER_FRAME * 3 * 4
"""The size of a frame's landmarks, as pages send them: float32 [543, 3]."""

_REST_SECONDS, _REST_BYTES, _REST_PARTS = 1.0, 2**20, 256
"""How long, and how much, of a file that is too large is read before its connection is closed."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; "
        "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PageServer(ThreadingHTTPServer):
    """Serves a page and answers its requests.

    Args:
        address: The host, usually 127.0.0.1, and the port; 0 for any free one.
        files: The page's.
        handler: What answers a request; by default, with these files alone.

    Raises:
        GislrError: The host is no address of this machine, or the port cannot be used.
    """

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        files: PageFiles,
        handler: type[PageHandler] | None = None,
    ) -> None:
        self.files = files
        self.host, port = address
        with explain_address(self.host, port):
            super().__init__(address, handler or PageHandler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints a fault, and nothing of a connection that its other end has broken off."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://{self.host}:{self.server_address[1]}"

    def accepts(self, name: str) -> bool:
        """Tells whether a host name means this machine; others can make their names lead here."""
        if name in (HOST, "localhost", self.host):
            return True
        return not is_own(self.host) and (is_address(name) or name == socket.gethostname())


class HttpError(Exception):
    """A request that is refused.

    Args:
        status: The answer's status.
        message: One sentence.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class PageHandler(BaseHTTPRequestHandler):
    """Answers one request; subclasses add what their page asks for."""

    server: PageServer
    server_version, sys_version = "gislr", ""
    timeout = 30

    def get(self, path: str) -> None:
        """Answers GET: the page's files.

        Raises:
            HttpError: There is no such page.
        """
        name = path.removeprefix("/") or INDEX
        if name not in self.server.files:
            raise HttpError(HTTPStatus.NOT_FOUND, "There is no such page.")
        file = self.server.files[name]
        content = file if isinstance(file, bytes) else file.read_bytes()
        self._send(content, _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream"))

    def post(self, path: str) -> None:
        """Answers POST.

        Raises:
            HttpError: There is no such page.
        """
        raise HttpError(HTTPStatus.NOT_FOUND, "There is no such page.")

    def do_GET(self) -> None:
        self._answer(self.get)

    def do_POST(self) -> None:
        self._answer(self.post)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing."""

    def _answer(self, answer: Callable[[str], None]) -> None:
        try:
            self._answer_or_refuse(answer)
        except (ConnectionError, TimeoutError):  # whoever asked is gone
            self.close_connection = True
        except OSError as error:
            if (message := system_error_message(error)) is None:
                raise
            self.send_json({"error": message}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _answer_or_refuse(self, answer: Callable[[str], None]) -> None:
        try:
            self._require_own_page()
            answer(unquote(self.path.partition("?")[0]))
        except HttpError as error:
            self.send_json({"error": str(error)}, error.status)
            if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                self._discard_rest()
        except DataError as error:
            self.send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    def _require_own_page(self) -> None:
        """Refuses pages of other sites, also those whose name leads to this machine."""
        host = self.headers.get("Host", "")
        name, _, port = host.rpartition(":")
        if not self.server.accepts(name) or port != str(self.server.server_address[1]):
            raise HttpError(HTTPStatus.FORBIDDEN, "Only pages of this machine get an answer.")
        if self.headers.get("Origin", f"http://{host}") != f"http://{host}":
            raise HttpError(HTTPStatus.FORBIDDEN, "Only the page itself may send clips.")

    def body(self, max_bytes: int) -> bytes:
        """Returns the request's body.

        Raises:
            HttpError: It comes without its length or is too large.
            DataError: It ended early.
        """
        length = self.headers.get("Content-Length", "")
        # The next request would start with an unread rest of the body.
        self.close_connection = True
        if not re.fullmatch("[0-9]{1,15}", length):
            raise HttpError(HTTPStatus.LENGTH_REQUIRED, "A file must come with its length.")
        if int(length) > max_bytes:
            raise HttpError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"A file may have {max_bytes / 2**20:.0f} MB; this one has "
                f"{int(length) / 2**20:.0f}.",
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise DataError("The file ended early; send it again.")
        return body

    def _discard_rest(self) -> None:
        """Reads what is still being sent: closing at once would break off the answer, too."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_REST_SECONDS)
        with suppress(OSError):
            for _ in range(_REST_PARTS):
                if not self.connection.recv(_REST_BYTES):
                    break

    def send_json(self, values: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answers with values."""
        self._send(json.dumps(values).encode(), "application/json", status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), **_HEADERS}
        for header in headers.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(content)


def landmarks_of_body(body: bytes) -> NDArray[np.float32]:
    """Returns landmarks as a page sends them, float32 [frames, 543, 3].

    Raises:
        DataError: They are no whole frames, infinite, or all missing.
    """
    if not body or len(body) % FRAME_BYTES:
        raise DataError("Landmarks must be float32 [frames, 543, 3].")
    return check_landmarks(np.frombuffer(body, "<f4").reshape(-1, LANDMARKS_PER_FRAME, 3))
