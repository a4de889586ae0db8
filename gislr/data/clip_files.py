"""Reads the landmarks of one clip from a file of any format: parquet, NumPy arrays, `.pose`.

Formats: the Kaggle set's parquet; `.npy` and `.npz`, an array [frames, landmarks, 2 or 3] of image
coordinates (fractions of width and height), NaN or 0 in all axes where nothing was found; and
`.pose` of the `pose-format` library (https://github.com/sign-language-processing/pose), whose
pixels are divided by the size in its header.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gislr.data.landmark_layouts import LAYOUTS, LandmarkLayout, layout_for
from gislr.data.landmarks import GROUPS
from gislr.data.raw_clips import ClipProblem, read_clip, require_few_frames, require_finite
from gislr.utils.errors import DataError

Float32 = NDArray[np.float32]

VIDEO_SUFFIXES = (".mp4", ".mov", ".webm", ".avi", ".mkv", ".m4v")

_LARGEST_COORDINATE = 10
"""Landmarks may lie outside the image, but not ten images away: then they are pixels."""

_ARRAY = "landmarks"
_POSE_COMPONENTS = {
    "FACE_LANDMARKS": "face",
    "LEFT_HAND_LANDMARKS": "left_hand",
    "POSE_LANDMARKS": "pose",
    "RIGHT_HAND_LANDMARKS": "right_hand",
}


def read_clip_file(
    path: Path,
    wanted: NDArray[np.int64] | None = None,
    *,
    layout: LandmarkLayout | None = None,
    span: tuple[int, int] = (0, -1),
) -> Float32:
    """Reads the landmarks of one clip, whatever the format of its file.

    Args:
        path: The file; its suffix says the format.
        wanted: int64, which of Holistic's 543 landmarks; all when `None`.
        layout: The landmarks of an array; by their number when `None`.
        span: First frame, from 0, and the frame after the last one; -1 for the file's end.

    Returns:
        float32 [frames, wanted, 3], NaN where nothing was found or the file lacks a landmark.

    Raises:
        ClipProblem: The file cannot be used.
    """
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise ClipProblem(
            "Files of an unknown format", f"Landmarks are read from {', '.join(READERS)}."
        )
    start, stop = span
    frames = READERS[suffix](path, wanted, layout)
    cut = frames[start : None if stop < 0 else stop]
    if not len(cut) or stop > len(frames):
        raise ClipProblem(
            "Clips that start or end behind the last frame of their file",
            "Correct start and end: frames are counted from 0, and the end is not included.",
        )
    return cut


def require_clip(path: Path, name: str | None = None) -> NDArray[np.float32]:
    """Reads one clip that a person named, see `read_clip_file`.

    Args:
        path: Its file.
        name: What it is called in messages; its path when `None`.

    Raises:
        DataError: It cannot be used; one sentence.
    """
    try:
        return read_clip_file(path)
    except ClipProblem as problem:
        raise DataError(f"{name or path}: {problem.kind.lower()}. {problem.remedy}") from None


def _read_parquet(
    path: Path, wanted: NDArray[np.int64] | None, layout: LandmarkLayout | None
) -> Float32:
    return read_clip(path, wanted)


def _read_array(
    path: Path, wanted: NDArray[np.int64] | None, layout: LandmarkLayout | None
) -> Float32:
    try:
        with path.open("rb") as file, ExitStack() as opened:
            array_file: IO[bytes] = file
            if zipfile.is_zipfile(file):
                archive = opened.enter_context(zipfile.ZipFile(file))
                names = archive.namelist()
                name = f"{_ARRAY}.npy" if f"{_ARRAY}.npy" in names else names[0]
                array_file = opened.enter_context(archive.open(name))
            # A file of kilobytes may claim, or unpack to, more than the memory holds.
            layout = _layout_of_array(*_shape_and_type(array_file), layout)
            array_file.seek(0)
            array = npy.read_array(array_file, allow_pickle=False)
    except ClipProblem:
        raise
    except Exception:  # NumPy and zipfile raise errors of a dozen kinds
        raise ClipProblem(
            "Unreadable arrays", "Each must be a NumPy file of numbers; pickles are never read."
        ) from None
    return _checked(array, layout, wanted)


def _shape_and_type(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Reads the header of an array.

    Raises:
        ValueError: It is none that NumPy writes for numbers.
    """
    file.seek(0)
    if npy.read_magic(file) != (1, 0):
        raise ValueError("a header of numbers is short")
    shape, _, dtype = npy.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("objects are pickled")
    return shape, dtype


def _layout_of_array(
    shape: tuple[int, ...], dtype: np.dtype[Any], layout: LandmarkLayout | None
) -> LandmarkLayout:
    """Returns the layout of an array, whose shape must be that of a clip."""
    if len(shape) != 3 or shape[2] not in (2, 3) or dtype.kind not in "fiu":
        raise ClipProblem(
            "Arrays of another shape", "Each must be numbers [frames, landmarks, 2 or 3]."
        )
    _require_length(shape[0])
    layout = layout or layout_for(shape[1])
    if layout is None:
        known = ", ".join(f"{name} ({len(layout)})" for name, layout in LAYOUTS.items())
        raise ClipProblem(
            f"Arrays of {shape[1]} landmarks",
            f"Known layouts: {known}; describe another one by data.layout.",
        )
    if len(layout) != shape[1]:
        raise ClipProblem(
            f"Arrays of {shape[1]} landmarks",
            f"data.layout describes {len(layout)}; correct it.",
        )
    return layout


def _checked(
    array: NDArray[Any], layout: LandmarkLayout, wanted: NDArray[np.int64] | None
) -> Float32:
    values = array.astype(np.float32)
    values[(values == 0).all(axis=-1)] = np.nan
    require_image_coordinates(values)
    holistic = layout.to_holistic(values)
    return holistic if wanted is None else holistic[:, wanted]


def _require_length(frames: int) -> None:
    if frames == 0:
        raise ClipProblem("Files without a frame", "A clip has at least one frame.")
    require_few_frames(frames)


def require_image_coordinates(values: Float32) -> None:
    """Raises `ClipProblem` for infinite values and for pixels; NaN is a missing landmark."""
    require_finite(values)
    if (np.abs(values[..., :2]) > _LARGEST_COORDINATE).any():
        raise ClipProblem(
            "Files in pixels",
            "x and y are fractions of the image; divide them by its width and its height.",
        )


def _read_pose(
    path: Path, wanted: NDArray[np.int64] | None, layout: LandmarkLayout | None
) -> Float32:
    try:
        from pose_format import Pose
    except ImportError:
        raise ClipProblem(
            "Files of the pose format", "Install its library to read them: pip install pose-format."
        ) from None
    try:
        pose = Pose.read(path.read_bytes())
        data = np.asarray(pose.body.data.data, np.float32)[:, 0]
        found = np.asarray(pose.body.confidence)[:, 0] > 0
        size = np.array([pose.header.dimensions.width, pose.header.dimensions.height], np.float32)
    except Exception:  # the library names none
        raise ClipProblem(
            "Unreadable files", "Each must be a .pose file; fetch it again."
        ) from None
    layout = _pose_layout(pose.header.components)
    layout = _layout_of_array(data[:, :, :3].shape, data.dtype, layout)
    data[..., :2] /= np.maximum(size, 1)
    data[~found] = np.nan
    return _checked(data[:, :, :3], layout, wanted)


def _pose_layout(components: Any) -> LandmarkLayout:
    """Returns the layout of a `.pose` file, whose header names its landmarks."""
    rows: list[int] = []
    for component in components:
        first, size = GROUPS.get(_POSE_COMPONENTS.get(component.name, ""), (0, 0))
        points = component.points
        if size and component.name.startswith("FACE"):
            numbers = [int(point) if point.isdecimal() else size for point in points]
        elif size and len(points) == size:
            numbers = list(range(size))
        else:
            numbers = [size] * len(points)
        rows += [first + n if n < size else -1 for n in numbers]
    if max(rows, default=-1) < 0:
        raise ClipProblem(
            "Files of the pose format without MediaPipe's landmarks",
            f"They must hold one of {', '.join(_POSE_COMPONENTS)}.",
        )
    return LandmarkLayout(".pose", np.array(rows, np.int64))


READERS: dict[str, Callable[[Path, NDArray[np.int64] | None, LandmarkLayout | None], Float32]] = {
    ".parquet": _read_parquet,
    ".npy": _read_array,
    ".npz": _read_array,
    ".pose": _read_pose,
}
"""By suffix, what reads float32 [frames, wanted, 3] of a file."""
