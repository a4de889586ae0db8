"""Recognizes isolated signs in a running video, frame by frame.

A sign begins when a hand is raised. It ends when the hands are down, or when they stay still and
the model is sure. `gislr/web/files/stream.js` takes the same steps with the same numbers: change
both.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

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
        recent_seconds: One sign follows another without a pause where the model is sure of another
            sign in the last so many seconds than in those before, twice in a row.
    """

    begin_height: float = -1.5
    end_height: float = -1.8
    quiet_seconds: float = 0.19
    still_seconds: float = 1.0
    still_distance: float = 0.15
    shortest_seconds: float = 0.3
    longest_seconds: float = 4.0
    look_seconds: float = 0.2
    recent_seconds: float = 0.5


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

    Example:
        >>> import numpy as np
        >>> class Fixed:
        ...     signs, rejection_threshold = ["bee", "cow"], 0.5
        ...     def probabilities(self, clips):
        ...         return np.array([[0.2, 0.8]] * len(clips), np.float32)
        >>> stream = StreamRecognizer(Fixed())
        >>> frames = [np.full((543, 3), 0.5, np.float32)] * 31 + [np.full((543, 3), np.nan)] * 9
        >>> [event] = [e for k, frame in enumerate(frames) for e in stream.push(frame, k / 30)]
        >>> event.signs[0], event.start, event.end
        ('cow', 0.0, 1.0)
    """

    def __init__(self, recognizer: Recognizer, settings: StreamSettings = StreamSettings()) -> None:
        self.candidate: Prediction | None = None
        self._recognizer, self._settings = recognizer, settings
        self._frames: list[Float32] = []
        self._times: list[float] = []
        self._used = 0  # frames up to the last one with a raised hand
        self._looks: list[tuple[float, int, Prediction]] = []  # when, at how many frames, what
        self._other: str | None = None  # the other sign of the last look
        self._time = -np.inf
        self._raised_at = -np.inf
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
        # Hands that have stayed up after a sign begin another one when they move.
        begins = found and height >= settings.begin_height and moved
        return self._go_on(landmarks, time, down) if self._times or begins else []

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
            not isnan(x) and not (abs(x - before[0]) <= distance and abs(y - before[1]) <= distance)
            for (x, y), before in zip(places, self._anchor, strict=True)
        ):
            return False
        self._anchor, self._moved_at = places, time
        return True

    def _go_on(self, landmarks: Float32, time: float, down: bool) -> list[SignEvent]:
        """Takes another frame of a sign."""
        settings = self._settings
        self._frames.append(landmarks)
        self._times.append(time)
        if not down:
            self._used = len(self._times)
        if time - self._times[0] >= settings.longest_seconds:
            return self._end()
        looked_at = self._looks[-1][0] if self._looks else -np.inf
        if not self.signing or time - looked_at < settings.look_seconds:
            return []
        self.candidate = self._look(0)
        self._looks.append((time, self._used, self.candidate))
        if self.candidate.sure and time - self._moved_at >= settings.still_seconds:
            return self._end()
        return self._split(time - settings.recent_seconds)

    def _split(self, recent: float) -> list[SignEvent]:
        """Ends the first of two signs without a pause between them.

        Args:
            recent: When the last seconds begin in which another sign may be made.
        """
        before = [look for look in self._looks if look[0] <= recent]
        other, self._other = self._other, None
        if not before or before[-1][1] == self._used or not before[-1][2].sure:
            return []
        _, frames, first = before[-1]
        second = self._look(frames)
        if not second.sure or second.signs[0] == first.signs[0]:
            return []
        if second.signs[0] != other:
            self._other = second.signs[0]
            return []
        events = self._tell(first, frames)
        self._frames, self._times = self._frames[frames:], self._times[frames:]
        self._used -= frames
        self._looks, self.candidate = [], second
        return events

    def _end(self) -> list[SignEvent]:
        events = self._tell(self._look(0), self._used) if self.signing else []
        self._frames, self._times, self._used = [], [], 0
        self._looks, self._other, self.candidate = [], None, None
        return events

    def _look(self, start: int) -> Prediction:
        """Returns what the frames from one on look like."""
        [found] = most_likely(self._recognizer, [np.stack(self._frames[start : self._used])])
        return found

    def _tell(self, found: Prediction, frames: int) -> list[SignEvent]:
        """Returns the event of some first frames; none when the sign has just been told."""
        again = found.sure and found.signs[0] == self._told
        if found.sure:
            self._told = found.signs[0]
        times = self._times[0], self._times[frames - 1]
        return [] if again else [SignEvent(**vars(found), start=times[0], end=times[1])]


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
    found = not all(map(isnan, wrists))
    if not head > 0:
        return (np.inf if found else -np.inf), _HEAD_WITHOUT_POSE, found
    for k, (elbow, wrist) in enumerate(_ARMS):
        # MediaPipe loses hands that move fast; a forearm that points up is enough to go on.
        if isnan(wrists[k]) and landmarks[wrist, 1] < landmarks[elbow, 1]:
            wrists[k] = float(landmarks[wrist, 1])
    heights = [(shoulders - wrist) / head for wrist in wrists if not isnan(wrist)]
    return max(heights, default=-np.inf), head, found
