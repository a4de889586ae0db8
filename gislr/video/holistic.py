"""Finds landmarks in a video; run in MediaPipe's own environment, which holds nothing of gislr.

    python holistic.py SOURCE OUTPUT.npy MOST_FRAMES MOST_PIXELS [SECONDS]

`SOURCE` is a file or `webcam`. Writes float32 [frames, 543, 3], NaN where nothing was found. Tells
how far it is, or what is wrong, as lines of JSON on standard output.
"""

import json
import sys
import time
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


def main() -> None:
    """Reads frame after frame."""
    source, output = sys.argv[1:3]
    most_frames, most_pixels = int(sys.argv[3]), int(sys.argv[4])
    webcam = source == "webcam"
    seconds = float(sys.argv[5]) if webcam else 0.0
    capture = cv2.VideoCapture(0 if webcam else source)
    if not capture.isOpened():
        tell(error="no webcam was found" if webcam else "it is no video that can be read")
        return
    total = 0 if webcam else int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    found: list[Any] = []
    holistic = mediapipe.solutions.holistic.Holistic(static_image_mode=False, model_complexity=1)
    tell(frames=0, of=max(total, 0))
    end = time.monotonic() + seconds
    while not webcam or time.monotonic() < end:
        read, image = capture.read()
        if not read:
            break
        if image.shape[0] * image.shape[1] > most_pixels:
            tell(error=f"its frames have {image.shape[1]} x {image.shape[0]} pixels")
            return
        if len(found) == most_frames:
            tell(error=f"it has more than {most_frames:,} frames; cut it into signs")
            return
        results = holistic.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        parts = [part(getattr(results, name), size) for name, size in PARTS]
        found.append(np.concatenate(parts))
        tell(frames=len(found), of=max(total, 0))
    if not found:
        tell(error="it holds no frame")
        return
    np.save(output, np.stack(found))
    tell(done=len(found))


main()
