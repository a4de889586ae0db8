"""Finds the landmarks of many videos, with a process of MediaPipe for each core.

Each video becomes a parquet file, which appears only when it is complete: what is there needs no
second look, so an interrupted extraction goes on where it ended.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from gislr.data.clip_files import READERS, VIDEO_SUFFIXES
from gislr.data.landmarks import LEFT_HAND, RIGHT_HAND
from gislr.data.manifest_rows import MANIFEST, read_rows, write_rows
from gislr.data.raw_clips import ClipProblem, read_clip, write_clip
from gislr.data.sources.clips import read_manifest
from gislr.utils.errors import DataError, SettingError
from gislr.utils.paths import atomic_file, resolve_here
from gislr.video.reading import WEBCAM, LandmarkFinder, Message

FRAMES, WITH_HAND, SOURCE = "frames", "frames_with_hand", "video"
"""Columns of the manifest: a clip's frames, the share of them in which a hand was found, and its
video, from the manifest's folder."""

_MANIFESTS = (".csv", ".parquet")
_HANDS = np.concatenate([LEFT_HAND, RIGHT_HAND])


@dataclass(frozen=True)
class Video:
    """A video, or a part of one.

    Attributes:
        source: The file, or `webcam`.
        clip: Path of its landmarks in the output folder, with slashes.
        columns: What the manifest says of it besides its path: `sign` and others.
        span: First frame, from 0, and the frame after the last one; -1 for the video's end.
    """

    source: str
    clip: str
    columns: dict[str, str] = field(default_factory=dict)
    span: tuple[int, int] = (0, -1)


def listed_videos(names: Iterable[str]) -> list[Video]:
    """Returns the videos of files, of folders `SIGN/*.mp4` and of manifests.

    Raises:
        DataError: A name does not exist, holds no video, or a manifest cannot be used.
        SettingError: Two videos would be written to the same file.
    """
    found: list[Video] = []
    for name in names:
        path = resolve_here(name)
        if name == WEBCAM:
            clip = f"{WEBCAM}_{datetime.now():%Y%m%d_%H%M%S}.parquet"
            found.append(Video(WEBCAM, clip, {"sign": ""}))
        elif path.is_dir():
            found += _of_folder(path)
        elif path.suffix.lower() in _MANIFESTS:
            found += _of_manifest(path)
        elif path.is_file():
            found.append(Video(str(path), f"{path.stem}.parquet", {"sign": ""}))
        else:
            raise DataError(f"videos must name files, folders or manifests; there is no {path}.")
    for clip, count in Counter(video.clip for video in found).items():
        if count > 1:
            raise SettingError(
                f"Each video needs a file of its own, and {clip} would be written twice; rename a "
                "video, or write them to several folders."
            )
    return found


def _of_folder(folder: Path) -> list[Video]:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in VIDEO_SUFFIXES)
    if not files:
        known = ", ".join(VIDEO_SUFFIXES)
        raise DataError(f"A folder of videos must hold {known} files; {folder} holds none.")
    parts = [file.relative_to(folder) for file in files]
    return [
        Video(
            str(file),
            part.with_suffix(".parquet").as_posix(),
            {"sign": part.parts[0] if len(part.parts) > 1 else ""},
        )
        for file, part in zip(files, parts, strict=True)
    ]


def _of_manifest(path: Path) -> list[Video]:
    listing = read_manifest(path, suffixes=VIDEO_SUFFIXES)
    known = {name: values for name, values in listing.every_column.items() if any(values)}
    found = []
    for row, name in enumerate(listing.paths):
        start, end = (0, -1) if listing.spans is None else listing.spans[row].tolist()
        part = "" if (start, end) == (0, -1) else f"_{start}_{'end' if end < 0 else end}"
        clip = Path(name).with_suffix("").as_posix() + f"{part}.parquet"
        of_row = {"sign": listing.signs[listing.labels[row]]}
        of_row |= {column: values[row] for column, values in known.items()}
        found.append(Video(str(listing.root / name), clip, of_row, (start, end)))
    return found


def extract_videos(
    videos: Sequence[Video],
    output: Path,
    workers: int | None,
    advance: Callable[[int], None],
    seconds: float,
) -> tuple[list[Video], list[str]]:
    """Writes the landmarks of videos, except those that are written already.

    Args:
        videos: The videos.
        output: Folder of the clips.
        workers: Number of processes; all cores when `None`.
        advance: Called with 1 after each video.
        seconds: How long the webcam records.

    Returns:
        The videos that have clips with a hand, with the columns `frames`, `frames_with_hand` and
        `video`, and a sentence for each other one.

    Raises:
        DataError: The folder holds another manifest.
        GislrError: MediaPipe is not set up, or does not run.
    """
    own = threading.local()
    made_of = {row["path"]: row.get(SOURCE, "") for row in clips_of(output)}
    with ExitStack() as stack:
        lock = threading.Lock()

        def finder() -> LandmarkFinder:
            if not hasattr(own, "finder"):
                with lock:
                    own.finder = stack.enter_context(LandmarkFinder())
            return own.finder

        def extract(video: Video) -> Video | str:
            try:
                return _extracted(video, output, made_of.get(video.clip), finder, seconds)
            except DataError as error:
                return " ".join(error.problems)
            finally:
                advance(1)

        pool = stack.enter_context(ThreadPoolExecutor(workers or os.cpu_count()))
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        results = list(pool.map(extract, videos))
    return (
        [result for result in results if isinstance(result, Video)],
        [result for result in results if isinstance(result, str)],
    )


def _extracted(
    video: Video,
    output: Path,
    made_of: str | None,
    finder: Callable[[], LandmarkFinder],
    seconds: float,
) -> Video:
    path = output / video.clip
    name = video.clip.removesuffix(".parquet") + Path(video.source).suffix
    source = Path(os.path.relpath(video.source, output)).as_posix()
    if path.is_file() and made_of not in (None, "", source):
        raise DataError(
            f"{video.clip} is there already, made of {made_of}; write {source} to another folder."
        )
    if not path.is_file() or _is_newer(video.source, path):
        found = finder().find(
            video.source, name, span=video.span, seconds=seconds, follow=_show_text
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as beside:
                write_clip(beside, found)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error}.") from None
        hands = found[:, _HANDS]
    else:
        try:
            hands = read_clip(path, _HANDS)
        except ClipProblem as problem:
            raise DataError(f"{path}: {problem.kind.lower()}. Remove it, and repeat.") from None
    with_hand = (~np.isnan(hands[..., 0])).any(axis=1).mean()
    if not with_hand:
        raise DataError(f"{name} shows no hand in any of its {len(hands)} frames.")
    columns = {FRAMES: str(len(hands)), WITH_HAND: f"{with_hand:.3f}", SOURCE: source}
    return Video(video.source, video.clip, video.columns | columns, video.span)


def _is_newer(source: str, path: Path) -> bool:
    return source != WEBCAM and Path(source).stat().st_mtime > path.stat().st_mtime


def _show_text(message: Message) -> None:
    if "text" in message:
        print(message["text"], file=sys.stderr, flush=True)


def write_manifest(videos: Sequence[Video], folder: Path) -> Path:
    """Writes the manifest of a folder's clips, and keeps rows of clips that it listed before.

    Returns:
        Its path.
    """
    path = folder / MANIFEST
    rows = {row["path"]: row for row in clips_of(folder) if (folder / row["path"]).is_file()}
    rows |= {video.clip: {"path": video.clip, **video.columns} for video in videos}
    write_rows(path, rows.values())
    return path


def clips_of(folder: Path) -> list[dict[str, str]]:
    """Returns the rows of a folder's manifest; none where it has no manifest.

    Raises:
        DataError: It is another manifest than one of clips, which would be replaced.
    """
    path = folder / MANIFEST
    rows, _ = read_rows(path)
    if not all(row.get("path", "").lower().endswith(tuple(READERS)) for row in rows):
        raise DataError(f"{path} lists no clips, and would be replaced; write to another folder.")
    return rows
