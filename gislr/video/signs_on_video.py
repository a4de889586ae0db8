"""Draws signs on a video; runs in MediaPipe's own environment, which has no gislr.

    python signs_on_video.py VIDEO OUTPUT.mp4

Reads a list of [start, end, text] in JSON from standard input, in seconds. The written video has no
sound.
"""

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from holistic import moments, opened
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

FONT = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
"""OpenCV's own letters are those of English alone."""
DEFAULT_RATE = 30.0


def draw(image: Any, text: str) -> Any:
    """Returns an image with a text on a dark band below."""
    height, width = image.shape[:2]
    size = max(8, min(height // 14, 2 * width // max(1, len(text))))
    image[height - 2 * size :] //= 3
    drawn = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    font = ImageFont.truetype(FONT, size)
    place = (width / 2, height - size)
    ImageDraw.Draw(drawn).text(place, text, fill="white", font=font, anchor="mm")
    return cv2.cvtColor(np.asarray(drawn), cv2.COLOR_RGB2BGR)


def main() -> None:
    """Writes the video."""
    video, output = sys.argv[1:3]
    signs = json.load(sys.stdin)
    capture, writer = opened(video), None
    rate = capture.get(cv2.CAP_PROP_FPS)
    rate = rate if 0 < rate < 1000 else DEFAULT_RATE
    for image, moment in moments(capture, float("inf")):
        if writer is None:
            size = (image.shape[1], image.shape[0])
            writer = cv2.VideoWriter(output, cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
            if not writer.isOpened():
                sys.exit("OpenCV cannot write mp4")
        texts = [text for start, end, text in signs if start <= moment <= end]
        writer.write(draw(image, texts[-1]) if texts else image)
    if writer is None:
        sys.exit("it holds no frame")
    writer.release()


if __name__ == "__main__":
    main()
