"""Finds landmarks in a video; run in MediaPipe's own environment, which holds nothing of gislr.

    python holistic.py SOURCE OUTPUT.npy MOST_FRAMES MOST_SIDE [SECONDS]

`SOURCE` is a file or `webcam`. Writes float32 [frames, 543, 3], NaN where nothing was found. Tells
how far it is, or what is wrong, as lines of JSON on standard output.
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

PARTS = (
    ("face_landmarks", 468),
    ("left_hand_landmarks", 21),
    ("pose_landmarks", 33),
    ("right_hand_landmarks", 21),
)


def tell(**values: object) -> None:
    """Writes a line of JSON."""
    print(json.dumps(values), flush=True)


def part(landmarks: Any, size: int) -> Any:
    """Returns a part's landmarks, float32 [size, 3]; NaN where it was not found."""
    if landmarks is None:
        return np.full((size, 3), np.nan, np.float32)
    return np.array([(p.x, p.y, p.z) for p in landmarks.landmark[:size]], np.float32)


def find(holistic: Any, image: Any) -> Any:
    """Returns a frame's landmarks, float32 [543, 3]."""
    results = holistic.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    return np.concatenate([part(getattr(results, name), size) for name, size in PARTS])


def images(capture: Any, seconds: float = float("inf")) -> Iterator[Any]:
    """Yields images until there are none, or until so many seconds are over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        read, image = capture.read()
        if not read:
            return
        yield image


def recording(capture: Any, seconds: float) -> list[Any]:
    """Counts down and returns the webcam's frames, as JPEG.

    Landmarks are found afterwards, since finding them is slower than the webcam.
    """
    for left in (3, 2, 1):
        tell(say=f"recording {seconds:g} seconds in {left} ...")
        # The webcam is read meanwhile: it would hand out old images otherwise.
        for _ in images(capture, 1):
            pass
    tell(say="recording")
    return [cv2.imencode(".jpg", image)[1] for image in images(capture, seconds)]


def main() -> None:
    """Reads frame after frame."""
    source, output = sys.argv[1:3]
    most_frames, most_side = int(sys.argv[3]), int(sys.argv[4])
    webcam = source == "webcam"
    capture = cv2.VideoCapture(0 if webcam else source)
    if not capture.isOpened():
        tell(error="no webcam was found" if webcam else "it is no video that can be read")
        return
    holistic = mediapipe.solutions.holistic.Holistic(static_image_mode=False, model_complexity=1)
    frames: Any = images(capture)
    total = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    if webcam:
        recorded = recording(capture, float(sys.argv[5]))
        frames = (cv2.imdecode(image, cv2.IMREAD_COLOR) for image in recorded)
        total = len(recorded)
    # Containers that do not know tell zero, a negative number or none.
    total = int(total) if 0 < total < 1e9 else 0
    too_long = f"it has more than {most_frames:,} frames; cut it into signs"
    if total > most_frames:
        tell(error=too_long)
        return
    found: list[Any] = []
    tell(frames=0, of=total)
    for image in frames:
        height, width = image.shape[:2]
        if max(height, width) > most_side:
            size = f"{width} x {height} pixels"
            tell(error=f"its frames have {size}; scale it to {most_side} x {most_side} at most")
            return
        if len(found) == most_frames:
            tell(error=too_long)
            return
        found.append(find(holistic, image))
        tell(frames=len(found), of=total)
    if not found:
        tell(error="it holds no frame")
        return
    # Some containers only estimate their frames.
    if len(found) < 0.9 * total:
        tell(say=f"{Path(source).name} breaks off after {len(found)} of {total} frames")
    np.save(output, np.stack(found))
    tell(done=len(found))


if __name__ == "__main__":
    main()
