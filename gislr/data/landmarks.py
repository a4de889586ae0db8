"""Which of MediaPipe Holistic's 543 landmarks are read, and the parts they form.

A frame holds the face (468), the left hand (21), the pose (33) and the right hand (21), in this
order. The reference (Wijkhuizen's notebook) reads 66 of them: 40 of the lips, the 21 of the
dominant hand and the 5 of its arm. Models read any set of `LANDMARKS`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gislr.utils.registry import Registry

Landmarks = NDArray[np.int64]

LANDMARKS_PER_FRAME = 543
GROUPS = {"face": (0, 468), "left_hand": (468, 21), "pose": (489, 33), "right_hand": (522, 21)}
"""Name, first row and number of rows of each group of a frame."""

# fmt: off
LIPS = np.array([
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308,
])
# fmt: on
LEFT_HAND = np.arange(468, 489)
RIGHT_HAND = np.arange(522, 543)
LEFT_ARM = np.array([502, 504, 506, 508, 510])
RIGHT_ARM = np.array([503, 505, 507, 509, 511])
MOUTH = np.array([61, 291, 0, 17])
"""Its corners, and the middle of the upper and the lower lip."""
NOSE = np.array([1, 2, 98, 327])
SHOULDERS = np.array([500, 501])
POSE_NOSE = 489
# fmt: off
LEFT_EYE = np.array([
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
])
RIGHT_EYE = np.array([
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
])
_LEFT_LIPS = np.array([291, 409, 270, 269, 267, 375, 321, 405, 314, 308, 415, 310, 311, 312, 324,
                       318, 402, 317])
_RIGHT_LIPS = np.array([61, 185, 40, 39, 37, 146, 91, 181, 84, 78, 191, 80, 81, 82, 95, 88, 178,
                        87])
# fmt: on
_OTHER_SIDE = np.arange(LANDMARKS_PER_FRAME)
for _left, _right in (
    (LEFT_HAND, RIGHT_HAND),
    (LEFT_ARM, RIGHT_ARM),
    (LEFT_EYE, RIGHT_EYE),
    (_LEFT_LIPS, _RIGHT_LIPS),
    (SHOULDERS[:1], SHOULDERS[1:]),
    (NOSE[2:3], NOSE[3:]),
):
    _OTHER_SIDE[_left], _OTHER_SIDE[_right] = _right, _left


def other_side(landmarks: Landmarks) -> Landmarks:
    """Returns each landmark's counterpart on the other side of the body; itself in the middle."""
    return _OTHER_SIDE[landmarks]


@dataclass(frozen=True)
class LandmarkSet:
    """Which landmarks of a frame are kept, in which order.

    Clips with a right dominant hand are mirrored, so that `hand` is always a left hand's.

    Attributes:
        left: int64, the rows kept of a clip with a left dominant hand.
        is_mirrored: bool, whether each is mirrored in a clip with a right dominant hand: it is then
            the landmark of the other side, and its x is 1 - x.
        parts: Where each part stands among those kept.
    """

    left: Landmarks
    is_mirrored: NDArray[np.bool_]
    parts: Mapping[str, slice]

    def __len__(self) -> int:
        return len(self.left)

    @cached_property
    def right(self) -> Landmarks:
        """The rows kept of a clip with a right dominant hand, int64."""
        return np.where(self.is_mirrored, other_side(self.left), self.left)

    @cached_property
    def read(self) -> Landmarks:
        """The rows that are read of any clip, int64; both hands, to find the dominant one."""
        every = [*self.left, *self.right, *LEFT_HAND, *RIGHT_HAND]
        return np.array(list(dict.fromkeys(every)), np.int64)

    @cached_property
    def hand_places(self) -> dict[str, Landmarks]:
        """Where both hands stand among the rows read."""
        return {"left": self._places(LEFT_HAND), "right": self._places(RIGHT_HAND)}

    @cached_property
    def dominant_places(self) -> dict[str, Landmarks]:
        """Where the rows kept stand among those read, by the dominant hand."""
        return {"left": self._places(self.left), "right": self._places(self.right)}

    def _places(self, landmarks: Landmarks) -> Landmarks:
        order = np.argsort(self.read)
        return order[np.searchsorted(self.read[order], landmarks)]

    @cached_property
    def reflection(self) -> Landmarks:
        """The place from which each landmark comes when a clip is mirrored, int64."""
        place = {landmark: k for k, landmark in enumerate(self.left.tolist())}
        return np.array([place.get(o, k) for k, o in enumerate(other_side(self.left).tolist())])

    @cached_property
    def hands(self) -> list[slice]:
        """The places of each hand that is kept, the dominant one first."""
        return [self.parts[part] for part in ("hand", "other_hand") if part in self.parts]

    @cached_property
    def fingers(self) -> list[slice]:
        """The places of each finger of each hand, thumb first; the wrist belongs to none."""
        starts = [k for hand in self.hands for k in range(hand.start + 1, hand.stop, 4)]
        return [slice(start, start + 4) for start in starts]

    @cached_property
    def parts_but_the_hand(self) -> list[slice]:
        """The places of each part, the dominant hand excepted."""
        return [places for part, places in self.parts.items() if part != "hand"]

    def place_of(self, landmark: int) -> int | None:
        """Returns where a landmark stands among those kept, `None` for one that is not."""
        found = np.flatnonzero(self.left == landmark)
        return int(found[0]) if len(found) else None


def landmark_set(parts: Mapping[str, Landmarks], fixed: Collection[str] = ()) -> LandmarkSet:
    """Returns the set of some parts.

    Args:
        parts: By name, the landmarks of each part, of 543, for a left dominant hand. Models that
            read hands look for the parts `hand` and `other_hand`, 21 landmarks each.
        fixed: The parts that are not mirrored in clips with a right dominant hand.

    Example:
        >>> kept = landmark_set({"hand": LEFT_HAND, "nose": NOSE})
        >>> len(kept), kept.parts["nose"], kept.right[:2].tolist()
        (25, slice(21, 25, None), [522, 523])
    """
    places, stop = {}, 0
    for name, rows in parts.items():
        places[name] = slice(stop, stop := stop + len(rows))
    mirrored = [np.full(len(rows), name not in fixed) for name, rows in parts.items()]
    return LandmarkSet(np.concatenate(list(parts.values())), np.concatenate(mirrored), places)


LANDMARKS: Registry[LandmarkSet] = Registry(
    "landmarks", "gislr.data.landmarks", setting="preprocessing.landmarks"
)
"""Sets by name: the reference's 66; the 42 of both hands; 30 of the dominant hand, its arm and the
mouth; 98 of both hands and arms, lips, nose and shoulders; the 118 of the competition's winner."""

_DOMINANT = {"hand": LEFT_HAND, "pose": LEFT_ARM}
_BOTH = {"lips": LIPS, **_DOMINANT, "other_hand": RIGHT_HAND, "other_pose": RIGHT_ARM}
_HANDS = {"lips": LIPS, "hand": LEFT_HAND, "other_hand": RIGHT_HAND, "nose": NOSE}

DOMINANT_HAND = landmark_set({"lips": LIPS, **_DOMINANT}, fixed=["lips"])
"""The reference's 66."""

LANDMARKS.register("dominant_hand")(DOMINANT_HAND)
LANDMARKS.register("hands")(landmark_set({"hand": LEFT_HAND, "other_hand": RIGHT_HAND}))
LANDMARKS.register("hand_and_mouth")(landmark_set({"lips": MOUTH, **_DOMINANT}))
LANDMARKS.register("both_hands")(landmark_set({**_BOTH, "nose": NOSE, "shoulders": SHOULDERS}))
LANDMARKS.register("competition")(landmark_set({**_HANDS, "eye": LEFT_EYE, "other_eye": RIGHT_EYE}))
