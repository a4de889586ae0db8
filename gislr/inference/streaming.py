"""Recognizes isolated signs in a running video, frame by frame.

A sign begins when a hand is raised. It ends when the hands are down, or when they stay still and
the model is sure. `gislr/web/files/stream.js` takes the same steps with the same numbers: change
both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LEFT_ARM, LEFT_HAND, POSE_NOSE, RIGHT_ARM, RIGHT_HAND, SHOULDERS
from gislr.inference.recognizer import Prediction, Recognizer, most_likely

Float32 = NDArray[np.float32]
Places = list[tuple[float, float]]

_MOVING = [int(hand[joint]) for hand in (LEFT_HAND, RIGHT_HAND) for joint in (0, 4, 8, 12, 16, 20)]
"""The wrist and the fingertips of both hands."""
_ARMS = [(int(arm[0]), int(arm[1])) for arm in (LEFT_ARM, RIGHT_ARM)]
"""The pose's elbow and wrist."""
_HEAD_WITHOUT_POSE = 0.2
_APART_SECONDS = 0.005
"""Frames that follow sooner are left out, so that the longest sign has few."""


@dataclass(frozen=True)
class StreamSettings:
    """When signs begin and end.

    Heights and distances are in heads: a head reaches from the nose down to the shoulders. Where
    no pose is found, every hand that is found is raised, and a head is a fifth of the image.

    Attributes:
        begin_height: A hand begins a sign where it is found at this height above the shoulders.
        end_height: It is down below this height.
        quiet_seconds: A sign ends when the hands are down for so long.
        still_seconds: A sign that the model is sure of ends when the hands are still for so long.
        still_distance: Hands are still while no fingertip moves farther than this.
        shortest_seconds: What is shorter is no sign.
        longest_seconds: A sign ends after so long at the latest, which bounds the memory.
        look_seconds: How often the model looks at a sign that has not ended.
    """

    begin_height: float = -1.5
    end_height: float = -1.8
    quiet_seconds: float = 0.19
    still_seconds: float = 0.5
    still_distance: float = 0.15
    shortest_seconds: float = 0.3
    longest_seconds: float = 4.0
    look_seconds: float = 0.2


@dataclass(frozen=True)
class SignEvent(Prediction):
    """A sign in a stream: the most likely ones, and when it was made.

    Attributes:
        start: When it begins, in seconds.
        end: When it ends.
    """

    start: float
    end: float


class StreamRecognizer:
    """Finds the signs of a stream while it runs.

    Args:
        recognizer: Any.
        settings: When signs begin and end.

    Attributes:
        candidate: What the sign that is being made looks like so far; `None` between signs.
    """

    def __init__(
        self, recognizer: Recognizer, settings: StreamSettings = StreamSettings()
    ) -> None:
        self.candidate: Prediction | None = None
        self._recognizer, self._settings = recognizer, settings
        self._frames: list[Float32] = []
        self._times: list[float] = []
        self._used = 0  # frames up to the last one with a raised hand
        self._time = -np.inf
        self._raised_at = -np.inf
        self._looked_at = -np.inf
        self._anchor: Places | None = None  # where the hands were when they last moved
        self._moved_at = -np.inf
        self._told: str | None = None  # the last sign since the hands were down

    @property
    def signing(self) -> bool:
        """Whether a sign is being made."""
        shortest = self._settings.shortest_seconds
        return bool(self._times) and self._raised_at - self._times[0] >= shortest

    def push(self, landmarks: Float32, time: float) -> list[SignEvent]:
        """Takes the next frame, and returns the signs that have ended with it, mostly none.

        Args:
            landmarks: float32 [543, 3], NaN where nothing was found.
            time: When it shows, in seconds; a frame that is not later than the last is left out.
        """
        if not time - self._time >= _APART_SECONDS:
            return []
        self._time = time
        height, head, found = hand_height(landmarks)
        settings = self._settings
        down = height < settings.end_height
        if not down:
            self._raised_at = time
        elif time - self._raised_at >= settings.quiet_seconds:
            events = self._end()
            self._anchor = self._told = None
            return events
        moved = self._follow(landmarks, settings.still_distance * head, time, down)
        if not self._times:
            # Hands that have stayed up after a sign begin another one when they move.
            if not found or height < settings.begin_height or not moved:
                return []
        self._frames.append(landmarks)
        self._times.append(time)
        if not down:
            self._used = len(self._times)
        lasts = time - self._times[0]
        if lasts >= settings.longest_seconds:
            return self._end()
        if self.signing and time - self._looked_at >= settings.look_seconds:
            self._looked_at = time
            self.candidate = self._look()
            still = time - self._moved_at >= settings.still_seconds
            if still and self.candidate.sure:
                return self._end()
        return []

    def finish(self) -> list[SignEvent]:
        """Ends the stream, and returns the sign that was being made."""
        return self._end()

    def _follow(self, landmarks: Float32, distance: float, time: float, down: bool) -> bool:
        """Tells whether the hands have moved from where they last moved."""
        if down and self._anchor is not None:
            return False
        places = [(float(landmarks[row, 0]), float(landmarks[row, 1])) for row in _MOVING]
        # A fingertip that is lost has not moved, one that appears has.
        if self._anchor is not None and not any(
            x == x and not (abs(x - before[0]) <= distance and abs(y - before[1]) <= distance)
            for (x, y), before in zip(places, self._anchor, strict=True)
        ):
            return False
        self._anchor, self._moved_at = places, time
        return True

    def _look(self) -> Prediction:
        [found] = most_likely(self._recognizer, [np.stack(self._frames[: self._used])])
        return found

    def _end(self) -> list[SignEvent]:
        events = []
        if self.signing:
            found, times = self._look(), self._times
            if not found.sure or found.signs[0] != self._told:
                events = [SignEvent(**vars(found), start=times[0], end=times[self._used - 1])]
            if found.sure:
                self._told = found.signs[0]
        self._frames, self._times, self._used = [], [], 0
        self.candidate = None
        return events


def hand_height(landmarks: Float32) -> tuple[float, float, bool]:
    """Returns where the higher hand is.

    Args:
        landmarks: float32 [543, 3].

    Returns:
        Its wrist's height above the shoulders in heads; -inf where there is none, and inf where a
        hand but no pose is found. A head, as a fraction of the image's height. Whether a hand was
        found.
    """
    y = [float(landmarks[row, 1]) for row in (*SHOULDERS, POSE_NOSE)]
    shoulders, nose = (y[0] + y[1]) / 2, y[2]
    head = shoulders - nose
    wrists = [float(landmarks[hand[0], 1]) for hand in (LEFT_HAND, RIGHT_HAND)]
    found = any(place == place for place in wrists)
    if not head > 0:
        return (np.inf if found else -np.inf), _HEAD_WITHOUT_POSE, found
    for k, (elbow, wrist) in enumerate(_ARMS):
        # MediaPipe loses hands that move fast; a forearm that points up is enough to go on.
        if wrists[k] != wrists[k] and landmarks[wrist, 1] < landmarks[elbow, 1]:
            wrists[k] = float(landmarks[wrist, 1])
    heights = [(shoulders - wrist) / head for wrist in wrists if wrist == wrist]
    return max(heights, default=-np.inf), head, found
