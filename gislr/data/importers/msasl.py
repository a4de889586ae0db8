"""MS-ASL: 1,000 signs of American Sign Language in videos of YouTube.

Source: Vaezi Joze and Koller 2019, "MS-ASL: A Large-Scale Data Set and Benchmark for Understanding
American Sign Language", https://arxiv.org/abs/1812.01053 and
https://www.microsoft.com/en-us/research/project/ms-asl.

`MSASL_train.json`, `MSASL_val.json` and `MSASL_test.json` are lists of `{url, text, label,
signer_id, start, end, start_time, end_time, fps, ...}`. `text` is the name of `label` in
`MSASL_classes.json`; it joins synonyms that `clean_text` keeps apart ("boring" is "bored"). `start`
and `end` are frames from 0 at `fps`. The end is not included: it is the start of the next clip
where one follows at once.

Microsoft publishes no videos. The layout is that of Intel's downloader, `videos/YOUTUBE_ID.mp4`
(https://github.com/openvinotoolkit/training_extensions, `pytorch_toolkit/asl_recognition`). Frames
count as listed; those of a video that was fetched at another rate than `fps` would be others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gislr.data.importers import (
    IMPORTERS,
    Importer,
    ListedClip,
    read_json_list,
    value_of,
    youtube_id,
)
from gislr.data.listing import SPLITS


@IMPORTERS.register("msasl")
class MsAsl(Importer):
    """MS-ASL with its videos as YouTube has them. Its split keeps signers apart."""

    videos = "videos"

    def listed(self, root: Path, files: Mapping[str, Path]) -> Iterator[ListedClip]:
        """See `Importer.listed`."""
        for split in SPLITS:
            path = root / f"MSASL_{split}.json"
            for clip in read_json_list(path):
                url = value_of(clip, "url", str, path)
                yield ListedClip(
                    youtube_id(url) or url,
                    value_of(clip, "text", str, path),
                    str(value_of(clip, "signer_id", int, path)),
                    split,
                    value_of(clip, "start", int, path),
                    value_of(clip, "end", int, path),
                )
