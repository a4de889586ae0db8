"""The folder of recorded clips: a folder for each signer, and the manifest of them all."""

from __future__ import annotations

import hashlib
import re
import shlex
import unicodedata
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from gislr.data.clip_files import require_image_coordinates
from gislr.data.landmarks import LEFT_HAND, RIGHT_HAND
from gislr.data.manifest_rows import MANIFEST, read_rows, write_rows
from gislr.data.raw_clips import ClipProblem
from gislr.data.sources.clips import read_manifest
from gislr.utils.errors import DataError
from gislr.utils.paths import atomic_file

_PLAIN = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_RESERVED = re.compile("con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)
"""Devices of Windows, which are no names of files there."""

_WEBM = b"\x1a\x45\xdf\xa3"


def file_name(text: str) -> str:
    """Returns a name that every file system can hold, another one for every text.

    Example:
        >>> from gislr.record.recordings import file_name
        >>> file_name("hello"), file_name("../grün")
        ('hello', 'grun-f582c6d8')
    """
    if _PLAIN.fullmatch(text) and not _RESERVED.fullmatch(text):
        return text
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = "_".join(re.findall("[A-Za-z0-9]+", ascii_text))[:30]
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{words}-{digest}" if words else digest


class Recordings:
    """Adds the clips of one signer and one session to a folder.

    Args:
        folder: The folder; it is made where it is missing.
        signer: Who signs.
        session: When the session began, which the manifest names.

    Raises:
        DataError: The folder's manifest cannot be read, or cannot take this signer's clips.
    """

    def __init__(self, folder: Path, signer: str, session: str) -> None:
        self.folder, self.signer, self.session = folder, signer, session
        self.manifest = folder / MANIFEST
        self.signer_folder = folder / file_name(signer)
        folder.mkdir(parents=True, exist_ok=True)
        if read_rows(self.manifest)[0]:
            self._require_room()

    def _require_room(self) -> None:
        listing = read_manifest(self.manifest)
        elsewhere = f"{self.manifest} {{}}; record into another folder."
        if any(listing.splits):
            raise DataError(elsewhere.format("holds a published split"))
        if not all(listing.signers):
            raise DataError(elsewhere.format("names no signers"))
        for known in sorted(set(listing.signers)):
            if known != self.signer and known.casefold() == self.signer.casefold():
                raise DataError(
                    f"{self.manifest} names the signer {known}, and signers are kept apart by "
                    f"name; write signer={known}, or choose another name."
                )

    def add(
        self,
        sign: str,
        landmarks: NDArray[np.float32],
        times: NDArray[np.float32],
        video: bytes | None = None,
    ) -> Path:
        """Writes a clip and its row.

        Args:
            sign: What it shows.
            landmarks: float32 [frames, 543, 3], NaN where nothing was found.
            times: float32 [frames], seconds from the first frame.
            video: A WebM file.

        Returns:
            The clip's file: an `.npz` of `landmarks` and `times`.

        Raises:
            DataError: It cannot be used.
        """
        rate = _frames_per_second(times)
        _require_usable(landmarks, video)
        with FileLock(self.folder / ".manifest.lock"):
            self.signer_folder.mkdir(exist_ok=True)
            rows, delimiter = read_rows(self.manifest)
            path = self._next(file_name(sign), rows)
            # Rows come last: a kill leaves a file without a row, never a row without its file.
            if video is not None:
                with atomic_file(path.with_suffix(".webm")) as temporary:
                    temporary.write_bytes(video)
            with atomic_file(path) as temporary, temporary.open("wb") as file:
                np.savez_compressed(file, landmarks=landmarks, times=times)
            row = {
                "path": path.relative_to(self.folder).as_posix(),
                "sign": sign,
                "signer": self.signer,
                "session": self.session,
                "frames_per_second": f"{rate:.1f}",
            }
            write_rows(self.manifest, [*rows, row], delimiter)
        return path

    def _next(self, name: str, rows: list[dict[str, str]]) -> Path:
        """Returns the path of a sign whose number is above those of all files and rows."""
        listed = [Path(row["path"]) for row in rows]
        own = [path.name for path in listed if path.parent.name == self.signer_folder.name]
        own += [file.name for file in self.signer_folder.iterdir()]
        pattern = re.compile(rf"{re.escape(name)}_(\d+)\.", re.IGNORECASE)
        numbers = [int(found[1]) for found in map(pattern.match, own) if found]
        return self.signer_folder / f"{name}_{max(numbers, default=0) + 1:03}.npz"

    def train_command(self) -> str:
        """Returns the command that trains on the clips, with the split that they allow."""
        rows, _ = read_rows(self.manifest)
        signers, sessions = ({row.get(key, "") for row in rows} for key in ("signer", "session"))
        command = ["gislr", "train", "data=clips", f"data.manifest={self.manifest}"]
        if len(signers) < 2:
            by_session = ["split=by_column", "split.column=session"]
            command += by_session if len(sessions) > 1 and "" not in sessions else ["split=none"]
        return shlex.join(command)


def _frames_per_second(times: NDArray[np.float32]) -> float:
    steps = np.diff(times)
    if not np.isfinite(times).all() or len(times) < 2 or (steps <= 0).any():
        raise DataError("A clip must have at least two frames, at seconds that increase.")
    return float(1 / steps.mean())


def _require_usable(landmarks: NDArray[np.float32], video: bytes | None) -> None:
    try:
        require_image_coordinates(landmarks)
    except ClipProblem as problem:
        raise DataError(
            f"A clip cannot be used: {problem.kind.lower()}. {problem.remedy}"
        ) from None
    if np.isnan(landmarks[:, [*LEFT_HAND, *RIGHT_HAND], 0]).all():
        raise DataError("A clip must show a hand; none was found in any frame.")
    if video is not None and not video.startswith(_WEBM):
        raise DataError("A video must be a WebM file; this is none.")
