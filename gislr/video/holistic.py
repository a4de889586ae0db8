"""Finds landmarks in a video; runs in MediaPipe's own environment, which has no gislr.

    python holistic.py SOURCE OUTPUT.npy MAX_FRAMES MAX_SIDE [SECONDS]

`SOURCE` is a file or `webcam`. Writes float32 [frames, 543, 3], NaN where nothing was found.
Reports progress and errors as lines of JSON on standard output.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
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


def main() -> None:
    """Reads frame after frame."""
    source, output = sys.argv[1:3]
    max_frames, max_side = int(sys.argv[3]), int(sys.argv[4])
    webcam = source == "webcam"
    capture = cv2.VideoCapture(0 if webcam else source)
    if not capture.isOpened():
        report(error="no webcam was found" if webcam else "it is no video that can be read")
        return
    holistic = mediapipe.solutions.holistic.Holistic(static_image_mode=False, model_complexity=1)
    frames: Any = images(capture)
    total = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    if webcam:
        recorded = record(capture, float(sys.argv[5]))
        frames = (cv2.imdecode(image, cv2.IMREAD_COLOR) for image in recorded)
        total = len(recorded)
    # Containers that do not know report zero, a negative number or NaN.
    total = int(total) if 0 < total < 1e9 else 0
    too_long = f"it has more than {max_frames:,} frames; cut it into signs"
    if total > max_frames:
        report(error=too_long)
        return
    found: list[Any] = []
    report(frames=0, of=total)
    for image in frames:
        height, width = image.shape[:2]
        if max(height, width) > max_side:
            size = f"{width} x {height} pixels"
            report(error=f"its frames have {size}; scale it to {max_side} x {max_side} at most")
            return
        if len(found) == max_frames:
            report(error=too_long)
            return
        found.append(find(holistic, image))
        report(frames=len(found), of=total)
    if not found:
        report(error="it holds no frame")
        return
    # Some containers only estimate their number of frames.
    if len(found) < 0.9 * total:
        report(text=f"{Path(source).name} breaks off after {len(found)} of {total} frames")
    np.save(output, np.stack(found))
    report(done=len(found))


if __name__ == "__main__":
    main()
