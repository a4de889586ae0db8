"""WLASL: 2,000 glosses of American Sign Language from web pages and YouTube.

Source: Li et al. 2020, "Word-level Deep Sign Language Recognition from Video",
https://arxiv.org/abs/1910.11006; https://github.com/dxli94/WLASL, whose README.md describes
`WLASL_v0.3.json`: a list of `{gloss, instances: [{video_id, signer_id, split, url, frame_start,
frame_end, ...}]}`, frames indexed from 1, `frame_end` -1 for the video's last frame.

The videos that users have are, by `start_kit/preprocess.py`, `videos/VIDEO_ID.mp4`, already cut:
these count whole, as in the paper's `nslt_dataset.py`. The uncut ones are in `raw_videos_mp4/`
(`clips=ROOT/raw_videos_mp4`): those of YouTube are named by YouTube's id, and hold several clips.
Their frames count at 25 frames a second, by README.md; those of a video at another rate would be
others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gislr.data.importers import (
    IMPORTERS,
    Importer,
    ListedClip,
    not_as_published,
    read_json_list,
    value_of,
    youtube_id,
)

FILE = "WLASL_v0.3.json"


@IMPORTERS.register("wlasl")
class Wlasl(Importer):
    """WLASL as its start kit leaves it. Its split does not keep signers apart."""

    videos = "videos"

    def listed(self, root: Path, files: Mapping[str, Path]) -> Iterator[ListedClip]:
        """See `Importer.listed`."""
        path = root / FILE
        for entry in read_json_list(path):
            gloss = value_of(entry, "gloss", str, path)
            for clip in value_of(entry, "instances", list, path):
                stem = value_of(clip, "video_id", str, path)
                start, end = 0, -1
                source = youtube_id(value_of(clip, "url", str, path))
                if stem not in files and source in files:
                    stem = source
                    start, end = _span(clip, path)
                signer = str(value_of(clip, "signer_id", int, path))
                split = value_of(clip, "split", str, path)
                yield ListedClip(stem, gloss, signer, split, start, end)


def _span(clip: object, path: Path) -> tuple[int, int]:
    """Returns frames from 0 with an end that is not included, of frames from 1 with one that is."""
    first, last = (value_of(clip, name, int, path) for name in ("frame_start", "frame_end"))
    if first < 1:
        raise not_as_published(path, f"frame_start must be 1 or more in {str(clip)[:100]}")
    # The start kit keeps the whole video for an end of 1 or less, too.
    return (first - 1, last) if last > 1 else (0, -1)
