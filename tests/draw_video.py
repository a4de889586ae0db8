"""Draws a video of a person; runs in MediaPipe's own environment.

    python draw_video.py PHOTO VIDEO.mp4 FRAMES [hand] [rotated] [uneven]

`hand` draws a moving hand beside the photo, which MediaPipe finds. `rotated` lays the frames on
their side and lets the file's metadata turn them upright, as phones do. `uneven` leaves frames 10
to 19 out and shows frame 9 for so long, as recorders with a variable frame rate do.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 480, 540
SKIN, LINE = (140, 170, 215), (98, 119, 150)
PALM = [(-0.3, 0.05), (-0.5, -0.55), (-0.46, -1.0), (0.44, -0.95), (0.45, -0.4), (0.3, 0.05)]
BONES = [
    ((0, 0.9), (0, 0), 0.55),
    ((-0.36, -0.95), (-0.5, -1.75), 0.2),
    ((-0.12, -1.02), (-0.14, -1.98), 0.2),
    ((0.12, -1.0), (0.2, -1.88), 0.2),
    ((0.34, -0.9), (0.55, -1.6), 0.16),
    ((-0.35, -0.3), (-0.78, -0.62), 0.22),
    ((-0.78, -0.62), (-0.95, -1.0), 0.22),
]


def draw_hand(image, x, y, size=60):
    def at(point):
        return int(x + point[0] * size), int(y + point[1] * size)

    for color, border in ((LINE, 0.05), (SKIN, 0)):
        cv2.fillPoly(image, [np.array([at(point) for point in PALM])], color)
        for start, end, width in BONES:
            cv2.line(image, at(start), at(end), color, int((width + border) * size))


def widen(content, path, added):
    """Returns the place of the box at a path of names, and adds to the sizes on the way."""
    at, end = 0, len(content)
    for name in path:
        while content[at + 4 : at + 8] != name:
            at += int.from_bytes(content[at : at + 4], "big")
            assert at < end, name
        size = int.from_bytes(content[at : at + 4], "big") + added
        content[at : at + 4] = size.to_bytes(4, "big")
        at += 8
    return at


def make_uneven(target, frames):
    content = bytearray(target.read_bytes())
    at = widen(content, [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"], 16)
    delta = int.from_bytes(content[at + 12 : at + 16], "big")
    entries = [3, 9, delta, 1, 11 * delta, frames - 20, delta]
    content[at + 4 : at + 16] = np.array(entries, ">i4").tobytes()
    # The edit list would end the video after its former duration.
    target.write_bytes(content.replace(b"edts", b"free"))


def turn(target):
    """Writes a quarter turn clockwise into the header of the track."""
    content = target.read_bytes()
    upright = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    turned = np.array([0, 1 << 16, 0, -1 << 16, 0, 0, HEIGHT << 16, 0, 1 << 30], ">i4").tobytes()
    at = content.index(upright, content.index(b"tkhd"))
    target.write_bytes(content[:at] + turned + content[at + len(turned) :])


def main():
    photo, target, frames = cv2.imread(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    with_hand, rotated, uneven = (name in sys.argv for name in ("hand", "rotated", "uneven"))
    size = (HEIGHT, WIDTH) if rotated else (WIDTH, HEIGHT)
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter_fourcc(*"mp4v"), 30, size)
    for frame in range(frames):
        if uneven and 10 <= frame < 20:
            continue
        image = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
        image[45:396, 90:390] = cv2.resize(photo, (300, 351))
        image[396:, 90:390] = image[395, 90:390]
        if with_hand:
            draw_hand(image, 40 + frame, 315)
        image = cv2.GaussianBlur(image, (5, 5), 0)
        writer.write(cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE) if rotated else image)
    writer.release()
    if rotated:
        turn(target)
    if uneven:
        make_uneven(target, frames)


if __name__ == "__main__":
    main()
