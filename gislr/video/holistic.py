"""Finds landmarks in videos; runs in MediaPipe's own environment, which has no gislr.

    python holistic.py MAX_FRAMES MAX_SIDE

Each line of standard input is a request in JSON: `source` (a file or `webcam`), `output` (a .npy
file), `start` and `end` (frames; -1 is the end) and `seconds` (of the webcam). Writes float32
[frames, 543, 3], NaN where nothing was found. With `output` null, every frame is reported at once
instead: `time` in seconds and `landmarks`, base64 of float32 [543, 3]. Reports progress, errors and
the end of each request as lines of JSON on standard output.
"""

import base64
import json
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import cv2
import mediapipe
import numpy as np

PARTS = {
    "face_landmarks": 468,
    "left_hand_landmarks": 21,
    "pose_landmarks": 33,
    "right_hand_landmarks": 21,
}


class Unusable(Exception):
    """A video that cannot be used; the message says why."""


def report(**values: object) -> None:
    """Writes a line of JSON."""
    print(json.dumps(values), flush=True)


def find(holistic: Any, image: Any) -> Any:
    """Returns a frame's landmarks, float32 [543, 3]; NaN where a part was not found."""
    results = holistic.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    parts = []
    for name, size in PARTS.items():
        points = [(np.nan, np.nan, np.nan)] * size
        if (part := getattr(results, name)) is not None:
            points = [(p.x, p.y, p.z) for p in part.landmark[:size]]
        parts.append(np.array(points, np.float32))
    return np.concatenate(parts)


def images(capture: Any, seconds: float = float("inf")) -> Iterator[Any]:
    """Yields images until there are none, or until the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        read, image = capture.read()
        if not read:
            return
        yield image


def record(capture: Any, seconds: float) -> list[Any]:
    """Counts down and returns the webcam's frames, as JPEG.

    Landmarks are found afterwards, since finding them is slower than the webcam.
    """
    for left in (3, 2, 1):
        report(text=f"recording {seconds:g} seconds in {left} ...")
        # Reads the webcam meanwhile, which would return old images otherwise.
        for _ in images(capture, 1):
            pass
    report(text="recording")
    return [cv2.imencode(".jpg", image)[1] for image in images(capture, seconds)]


def moments(capture: Any, seconds: float) -> Iterator[tuple[Any, float]]:
    """Yields images and when each shows, in seconds, later each time."""
    between = 1 / rate if 0 < (rate := capture.get(cv2.CAP_PROP_FPS)) < 1000 else 1 / 30
    last = -between
    for image in images(capture, seconds):
        moment = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        last = moment if moment > last else last + between
        yield image, last


def evenly(times: list[float], most: int) -> Any:
    """Returns which frame shows at each moment of a constant rate, int [at most `most`].

    Args:
        times: When each frame shows, in milliseconds. Phones lengthen exposures in the dark, and
            screen recorders leave out frames in which nothing moves.
        most: How many moments at most.
    """
    shown = np.array(times)
    between = np.diff(shown)
    if len(between) < 2 or (between <= 0).any() or between.max() < 1.5 * np.median(between):
        return np.arange(len(shown))
    step = np.median(between)
    moments = shown[0] + step * np.arange(min(most, round((shown[-1] - shown[0]) / step) + 1))
    after = np.searchsorted(shown, moments).clip(1, len(shown) - 1)
    return after - (moments - shown[after - 1] <= shown[after] - moments)


def opened(source: str) -> Any:
    """Opens a video or the webcam.

    Raises:
        Unusable: It is no video.
    """
    webcam = source == "webcam"
    capture = cv2.VideoCapture(0 if webcam else source)
    if not capture.isOpened():
        raise Unusable("no webcam was found" if webcam else "it is no video that can be read")
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # phones say in metadata which side is up
    return capture


def tracker() -> Any:
    """Returns a new Holistic: the last one of another video would be followed into this one."""
    return mediapipe.solutions.holistic.Holistic(static_image_mode=False, model_complexity=1)


def require_size(image: Any, max_side: int) -> None:
    """Raises `Unusable` for images that are too large."""
    height, width = image.shape[:2]
    if max(height, width) > max_side:
        size = f"{width} x {height} pixels"
        raise Unusable(f"its frames have {size}; scale it to {max_side} x {max_side} at most")


def report_frames(request: dict[str, Any], max_side: int) -> int:
    """Reports the landmarks of every frame as soon as they are found, and returns how many.

    Raises:
        Unusable: It is no video or too large.
    """
    webcam = request["source"] == "webcam"
    capture = opened(request["source"])
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the webcam's present image rather than its oldest
    began, frames = time.monotonic(), 0
    with tracker() as holistic:
        for image, moment in moments(capture, request["seconds"] if webcam else float("inf")):
            shown = time.monotonic() - began if webcam else moment
            require_size(image, max_side)
            found = base64.b64encode(find(holistic, image).tobytes()).decode()
            frames += 1
            report(frames=frames, of=0, time=shown, landmarks=found)
    if not frames:
        raise Unusable("the webcam gives no image" if webcam else "it holds no frame")
    return frames


def landmarks(request: dict[str, Any], max_frames: int, max_side: int) -> Any:
    """Returns the landmarks of a video, float32 [frames, 543, 3].

    Raises:
        Unusable: It is no video, too long or too large.
    """
    source, start, end = (request[key] for key in ("source", "start", "end"))
    webcam = source == "webcam"
    capture = opened(source)
    frames: Any = images(capture)
    total = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    if webcam:
        recorded = record(capture, request["seconds"])
        frames = (cv2.imdecode(image, cv2.IMREAD_COLOR) for image in recorded)
        total = len(recorded)
    # Containers that do not know report zero, a negative number or NaN.
    total = int(total) if 0 < total < 1e9 else 0
    expected = max(0, (total if end < 0 else min(end, total)) - start)
    too_long = f"it has more than {max_frames:,} frames; cut it into signs"
    if expected > max_frames:
        raise Unusable(too_long)
    found: list[Any] = []
    times: list[float] = []
    for skipped in range(start):  # a jump lands on another frame in many containers
        if skipped % 200 == 0:
            report(frames=0, of=expected)
        capture.grab()
    report(frames=0, of=expected)
    with tracker() as holistic:
        for image in frames:
            require_size(image, max_side)
            if len(found) == max_frames:
                raise Unusable(too_long)
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
            found.append(find(holistic, image))
            report(frames=len(found), of=expected)
            if len(found) == end - start:
                break
    if not found:
        raise Unusable(f"it ends before frame {start}" if start else "it holds no frame")
    # Some containers only estimate their number of frames.
    if len(found) < 0.9 * expected:
        report(text=f"{request['name']} breaks off after {len(found)} of {expected} frames")
    return np.stack(found) if webcam else np.stack(found)[evenly(times, max_frames)]


def main() -> None:
    """Answers requests until there are no more."""
    max_frames, max_side = map(int, sys.argv[1:3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["output"] is None:
                report(done=report_frames(request, max_side))
                continue
            found = landmarks(request, max_frames, max_side)
        except Unusable as error:
            report(error=str(error))
        else:
            np.save(request["output"], found)
            report(done=len(found))


if __name__ == "__main__":
    main()
