"""Landmark layouts: which landmarks a clip's file holds, as rows of MediaPipe Holistic's 543.

Everything above this module reads the 543 rows of `gislr.data.landmarks`; what a layout lacks is
missing, NaN, as if MediaPipe had not found it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import GROUPS, LANDMARKS_PER_FRAME
from gislr.utils.errors import SettingError, unknown_name

Group = str | Mapping[str, int | Sequence[int]]
"""`left_hand` for a whole group of `GROUPS`, `{pose: [11, 12]}` for some of its landmarks, or
`{skip: 10}` for landmarks that Holistic does not have."""

_SKIP = "skip"
_SKIPPED = -1


@dataclass(frozen=True)
class LandmarkLayout:
    """The landmarks of a file, in its order.

    Attributes:
        name: What messages call it.
        rows: int64 [landmarks of the file], the row of each in Holistic; -1 where it has none.
    """

    name: str
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def to_holistic(self, landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        """Returns float32 [frames, 543, 3] of [frames, landmarks, 2 or 3]; NaN for what it lacks.

        Example:
            >>> hands = layout_of(["left_hand", "right_hand"])
            >>> frames = hands.to_holistic(np.ones((1, 42, 2), np.float32))
            >>> frames.shape, frames[0, 522].tolist(), float(frames[0, 0, 0])
            ((1, 543, 3), [1.0, 1.0, nan], nan)
        """
        axes = landmarks.shape[-1]
        holistic = np.full((len(landmarks), LANDMARKS_PER_FRAME, 3), np.nan, np.float32)
        kept = self.rows != _SKIPPED
        holistic[:, self.rows[kept], :axes] = landmarks[:, kept]
        return holistic


def layout_of(groups: Sequence[Group], name: str = "data.layout") -> LandmarkLayout:
    """Returns the layout of a file that holds some groups of landmarks one after another.

    Args:
        groups: The groups, in the file's order.
        name: What messages call it.

    Raises:
        SettingError: A group or a landmark is unknown, or stands twice.
    """
    rows: list[int] = []
    for group in groups:
        for kind, chosen in ({group: None} if isinstance(group, str) else group).items():
            rows += _rows(kind, chosen, name)
    known = [row for row in rows if row != _SKIPPED]
    if not known or len(set(known)) != len(known):
        raise SettingError(f"{name} must name landmarks, each once; got {str(groups)[:100]}.")
    return LandmarkLayout(name, np.array(rows, np.int64))


def _rows(kind: str, chosen: int | Sequence[int] | None, name: str) -> list[int]:
    if kind == _SKIP and isinstance(chosen, int):
        return [_SKIPPED] * chosen
    if kind not in GROUPS:
        raise unknown_name(name, kind, [*GROUPS, _SKIP])
    first, size = GROUPS[kind]
    numbers = range(size) if chosen is None else chosen
    if not isinstance(numbers, Sequence) or not all(
        isinstance(n, int) and 0 <= n < size for n in numbers
    ):
        raise SettingError(
            f"{name} must number the landmarks of {kind} from 0 to {size - 1}; got {chosen}."
        )
    return [first + n for n in numbers]


_GROUPS: dict[str, list[Group]] = {
    "holistic": ["face", "left_hand", "pose", "right_hand"],
    "holistic_478": ["face", {_SKIP: 10}, "left_hand", "pose", "right_hand"],
    "hands_and_pose": ["pose", "left_hand", "right_hand"],
    "hands": ["left_hand", "right_hand"],
}
LAYOUTS = {name: layout_of(groups, name) for name, groups in _GROUPS.items()}
"""Layouts by name: Holistic's 543; with the ten points of the irises, 553; without the face, 75,
in the order of the `pose-format` library; both hands, 42."""


def layout_named(layout: str | Sequence[Group]) -> LandmarkLayout:
    """Returns a known layout, or the one that a list of groups describes.

    Raises:
        SettingError: The name or a group is unknown.
    """
    if not isinstance(layout, str):
        return layout_of(layout)
    if layout not in LAYOUTS:
        raise unknown_name("data.layout", layout, LAYOUTS)
    return LAYOUTS[layout]


def layout_for(landmarks: int) -> LandmarkLayout | None:
    """Returns the layout of a file by its number of landmarks, `None` if no known one has it."""
    return next((layout for layout in LAYOUTS.values() if len(layout) == landmarks), None)
