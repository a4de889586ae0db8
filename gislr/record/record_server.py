"""Serves the page that records signs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from gislr.record.recordings import Recordings
from gislr.utils.errors import DataError
from gislr.web.page_files import PageFiles, drawing, page_and_shared
from gislr.web.page_server import (
    FRAME_BYTES,
    HttpError,
    PageHandler,
    PageServer,
    landmarks_of_body,
)

MAX_FRAMES_PER_SECOND = 40
"""The page asks the webcam for 30, and leaves out frames of faster ones."""
_MAX_VIDEO = 64 * 2**20
_TIME_BYTES = 4


class RecordServer(PageServer):
    """Serves the page, and keeps the clips that it sends.

    Args:
        address: The host, usually 127.0.0.1, and the port; 0 for any free one.
        recordings: Where the clips are kept.
        signs: The signs to record.
        repetitions: How many clips of each.
        seconds: How long a clip is.
        video: Whether each clip comes with its video.
        mediapipe: Files of MediaPipe's JavaScript.

    Raises:
        GislrError: The host is no address of this machine, or the port cannot be used.
    """

    def __init__(
        self,
        address: tuple[str, int],
        recordings: Recordings,
        signs: Sequence[str],
        *,
        repetitions: int,
        seconds: float,
        video: bool,
        mediapipe: PageFiles,
    ) -> None:
        self.recordings, self.signs, self.repetitions = recordings, signs, repetitions
        self.seconds, self.video = seconds, video
        self.kept: Counter[str] = Counter()
        page = page_and_shared(Path(__file__).with_name("page"))
        super().__init__(address, {**page, **mediapipe}, _Handler)

    def about(self) -> dict[str, Any]:
        """Returns what the page shows; `kept` counts the clips of this session."""
        return {
            "signer": self.recordings.signer,
            "signs": [{"name": sign, "kept": self.kept[sign]} for sign in self.signs],
            "repetitions": self.repetitions,
            "seconds": self.seconds,
            "video": self.video,
            "folder": str(self.recordings.signer_folder),
            "manifest": str(self.recordings.manifest),
            "train": self.recordings.train_command(),
            **drawing(),
        }

    def keep(self, sign: str, frames: int, body: bytes) -> Path:
        """Writes a clip: its landmarks, the time of each frame (float32), its video if asked for.

        Raises:
            DataError: It cannot be used.
        """
        if sign not in self.signs:
            raise DataError(f"sign must be one of {', '.join(self.signs)}.")
        ends = np.cumsum([frames * FRAME_BYTES, frames * _TIME_BYTES])
        landmarks, times, video = (
            body[slice(*k)] for k in zip([0, *ends], [*ends, None], strict=True)
        )
        if len(times) < frames * _TIME_BYTES:
            raise DataError("A clip must have as many landmarks and times as frames.")
        if bool(video) is not self.video:
            asked = "must come with its video" if self.video else "must come without video"
            raise DataError(f"A clip of this session {asked}; see video= of gislr record.")
        found = landmarks_of_body(landmarks)
        path = self.recordings.add(sign, found, np.frombuffer(times, "<f4"), video or None)
        self.kept[sign] += 1
        return path


class _Handler(PageHandler):
    server: RecordServer

    def get(self, path: str) -> None:
        if path == "/about":
            self.send_json(self.server.about())
        else:
            super().get(path)

    def post(self, path: str) -> None:
        if path != "/clips":
            super().post(path)
            return
        max_frames = int(self.server.seconds * MAX_FRAMES_PER_SECOND) + 1
        max_bytes = max_frames * (FRAME_BYTES + _TIME_BYTES) + self.server.video * _MAX_VIDEO
        query = parse_qs(self.path.partition("?")[2])
        sign, frames = (query.get(name, [""])[0] for name in ("sign", "frames"))
        body = self.body(max_bytes)
        if not frames.isdecimal() or not 0 < int(frames[:9]) <= max_frames:
            raise HttpError(
                HTTPStatus.BAD_REQUEST, f"A clip of this session has 1 to {max_frames} frames."
            )
        self.send_json({"path": str(self.server.keep(sign, int(frames), body))})
