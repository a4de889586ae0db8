"""Frames a second of `gislr extract`, against MediaPipe alone.

python -m benchmarks.extraction VIDEOS [--rounds 3]

`VIDEOS` is a folder of short videos. MediaPipe alone is one process that reads one video after the
other and keeps nothing. Both run in turns; `gislr extract setup=true` has to come first.
"""

from __future__ import annotations

import argparse
import os
import statistics as middle
import subprocess
import tempfile
import time
from pathlib import Path

from gislr.video.environment import mediapipe_python
from gislr.video.extraction import FRAMES, extract_videos, listed_videos

ALONE = """
import sys, cv2, mediapipe
for name in sys.argv[1:]:
    capture = cv2.VideoCapture(name)
    with mediapipe.solutions.holistic.Holistic(model_complexity=1) as holistic:
        while (frame := capture.read())[0]:
            holistic.process(cv2.cvtColor(frame[1], cv2.COLOR_BGR2RGB))
"""


def main() -> None:
    """Prints frames a second, and the ratio of each round."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description=__doc__)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    videos = listed_videos([str(arguments.videos.resolve())])
    workers = os.cpu_count() or 1
    names = ["MediaPipe alone", *(f"gislr extract workers={n}" for n in sorted({1, workers}))]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    frames = 0
    for _ in range(arguments.rounds):
        for name in names:
            began = time.perf_counter()
            if name == names[0]:
                command = [mediapipe_python(), "-c", ALONE, *(video.source for video in videos)]
                subprocess.run(command, check=True, capture_output=True)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    found, problems = extract_videos(
                        videos,
                        Path(folder),
                        int(name.rpartition("=")[2]),
                        lambda done: None,
                        seconds=3,
                    )
                assert not problems, problems
                frames = sum(int(video.columns[FRAMES]) for video in found)
            seconds[name].append(time.perf_counter() - began)
    print(f"{len(videos)} videos, {frames:,} frames, {workers} cores")
    for name in names:
        rates = [frames / each for each in seconds[name]]
        ratios = [a / b for a, b in zip(seconds[names[0]], seconds[name], strict=True)]
        print(
            f"{name:<26}{middle.median(rates):6.1f} frames/s ({min(rates):.1f} to "
            f"{max(rates):.1f}){middle.median(ratios):7.2f} times ({min(ratios):.2f} to "
            f"{max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
