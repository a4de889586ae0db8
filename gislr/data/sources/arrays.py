"""Reads the report's prepared arrays: X.npy, y.npy and NON_EMPTY_FRAME_IDXS.npy.

They are padded to 64 frames; only the real frames go into the store. Nothing is ever unpickled.
"""

from __future__ import annotations

import csv
import hashlib
import json
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.label_map import LABEL_MAP, read_label_map
from gislr.data.landmarks import DOMINANT_HAND
from gislr.data.listing import Listing
from gislr.data.preparation import PreparationSettings, make_once
from gislr.data.preprocessing import MAX_FRAMES, MIN_FRAMES, PreprocessingSettings, reference
from gislr.data.sources import SOURCES, DataSource, Progress
from gislr.data.store import STORE_VERSION, Store, open_store
from gislr.data.store_writer import FrameBlock, write_store
from gislr.utils.errors import DataError, SettingError
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Text

FRAMES = "X.npy"
LABELS = "y.npy"
FRAME_INDEX = "NON_EMPTY_FRAME_IDXS.npy"

_CLIPS_AT_ONCE = 2048

_BROKEN = (OSError, ValueError, EOFError, OverflowError, SyntaxError, tokenize.TokenError)
"""What NumPy raises for a file that it cannot read."""


@SOURCES.register("arrays")
class Arrays(DataSource):
    """The report's prepared arrays.

    Attributes:
        root: Folder of X.npy, y.npy and NON_EMPTY_FRAME_IDXS.npy.
        participants: File in it that names each clip's signer, .npy or .csv.
    """

    root: Text
    participants: Text

    def open_store(
        self,
        preprocessing: PreprocessingSettings,
        preparation: PreparationSettings,
        progress: Progress,
    ) -> Store:
        if preprocessing.model_copy(update={"axes": "xy"}) != reference(preprocessing.frames):
            raise SettingError(
                "data=arrays holds what preprocessing=reference makes of raw clips; "
                f"got preprocessing.name={preprocessing.name} and "
                f"preprocessing.landmarks={preprocessing.landmarks}. Use data=asl_signs for others."
            )
        store = prepare_arrays(
            resolve_here(self.root),
            self.participants,
            axes=preprocessing.axes,
            cache=preparation.folder("stores"),
        )
        if store.most_frames != preprocessing.frames:
            raise SettingError(
                f"preprocessing.frames must be {store.most_frames}, as {FRAMES} has them; "
                f"got {preprocessing.frames}."
            )
        return store


def prepare_arrays(root: Path, participants: str, *, axes: str, cache: Path) -> Store:
    """Opens the store of a folder of prepared arrays, writing it when it is new.

    Args:
        root: Folder of the three files, and of the label map where there is one.
        participants: File beside them that names each clip's signer: a .npy of numbers or text, or
            a .csv with a participant_id column such as train.csv.
        axes: What models read, `xy` or `xyz`.
        cache: Where stores are kept.

    Raises:
        DataError: A file is missing, broken, pickled or of another shape.
    """
    frames = _load(root / FRAMES)
    labels = _load(root / LABELS)
    frame_index = _load(root / FRAME_INDEX)
    clips, most_frames = _check(root, frames, labels, frame_index)
    signers = _read_participants(root / participants, clips)
    signs = _read_signs(root, labels)
    digest = hashlib.sha256(json.dumps([STORE_VERSION, "arrays", participants]).encode())
    for name in (FRAMES, LABELS, FRAME_INDEX, participants, LABEL_MAP):
        if (root / name).is_file():
            stat = (root / name).stat()
            digest.update(f"{root / name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    target = cache / digest.hexdigest()[:20]
    paths = [f"{FRAMES}[{clip}]" for clip in range(clips)]
    listing = Listing(root, paths, signers, np.asarray(labels, np.int32), signs)
    total = int(np.count_nonzero(frame_index >= 0))

    def write() -> None:
        blocks = _blocks(frames, frame_index)
        write_store(target, blocks, listing, reference(most_frames), total)

    make_once(target, write)
    return open_store(target, axes)


def _load(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path.name} was expected in {path.parent}; there is none.") from None
    except _BROKEN as error:
        raise DataError(
            f"{path} must be a .npy file of numbers; {str(error).splitlines()[0]}"
        ) from None
    if isinstance(array, np.lib.npyio.NpzFile):
        array.close()
        raise DataError(f"{path} must be a .npy file of numbers; it is an archive of several.")
    return array


def _check(
    root: Path, frames: NDArray[Any], labels: NDArray[Any], frame_index: NDArray[Any]
) -> tuple[int, int]:
    def require(correct: bool, name: str, array: NDArray[Any], expected: str) -> None:
        if not correct:
            got = f"{array.dtype} {list(array.shape)} in {root}"
            raise DataError(f"{name} must be {expected}; got {got}.")

    landmarks = len(DOMINANT_HAND)
    correct = frames.ndim == 4 and frames.shape[2:] == (landmarks, 3) and frames.dtype.kind == "f"
    require(correct, FRAMES, frames, f"float32 [clips, frames, {landmarks}, 3]")
    clips, most_frames = frames.shape[:2]
    correct = clips > 0 and MIN_FRAMES <= most_frames <= MAX_FRAMES
    expected = f"one clip or more of {MIN_FRAMES} to {MAX_FRAMES} frames each"
    require(correct, FRAMES, frames, expected)
    correct = labels.shape == (clips,) and labels.dtype.kind in "iu"
    require(correct, LABELS, labels, f"whole numbers of shape [{clips}], one for each clip")
    correct = frame_index.shape == (clips, most_frames) and frame_index.dtype.kind in "iuf"
    expected = f"numbers of the shape [{clips}, {most_frames}]"
    require(correct, FRAME_INDEX, frame_index, expected)
    real = np.asarray(frame_index) >= 0
    if (real[:, 1:] & ~real[:, :-1]).any():
        raise DataError(f"{FRAME_INDEX} must be -1 only after a clip's last frame; it is not.")
    return clips, most_frames


def _read_participants(path: Path, clips: int) -> list[str]:
    if not path.is_file():
        raise DataError(
            f"data.participants must name a file beside {FRAMES} with each clip's signer; "
            f"{path} is none. Without it signers cannot be kept apart."
        )
    if path.suffix == ".csv":
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                signers = [str(row.get("participant_id") or "") for row in csv.DictReader(file)]
        except (OSError, ValueError, csv.Error) as error:
            raise DataError(f"{path} could not be read as a CSV file: {error}") from None
    else:
        signers = [str(signer) for signer in _load(path).ravel().tolist()]
    if len(signers) != clips or not all(signers):
        raise DataError(f"{path} must name a signer for each of {clips} clips; got {len(signers)}.")
    return signers


def _read_signs(root: Path, labels: NDArray[Any]) -> list[str]:
    most = int(labels.max(initial=0))
    if (root / LABEL_MAP).is_file():
        signs = read_label_map(root / LABEL_MAP)
    else:
        signs = [f"sign {label}" for label in range(most + 1)]
    if labels.min(initial=0) < 0 or most >= len(signs):
        raise DataError(f"{LABELS} must hold 0 to {len(signs) - 1}; it holds up to {most}.")
    return signs


def _blocks(frames: NDArray[Any], frame_index: NDArray[Any]) -> Iterator[FrameBlock]:
    for start in range(0, len(frames), _CLIPS_AT_ONCE):
        index = np.asarray(frame_index[start : start + _CLIPS_AT_ONCE], np.float32)
        real = index >= 0
        chosen = np.asarray(frames[start : start + _CLIPS_AT_ONCE])[real].astype(np.float32)
        chosen[chosen == 0] = np.nan  # the report's marker of a missing landmark
        yield FrameBlock(
            frames=chosen,
            frame_index=index[real],
            lengths=real.sum(axis=1).astype(np.int64),
            raw_lengths=np.zeros(len(index), np.int64),
            left_dominant=np.zeros(len(index), bool),
        )
