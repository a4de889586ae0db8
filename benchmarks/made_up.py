"""Made-up landmarks at the real set's shapes: noise that costs what real frames cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.data.listing import Listing
from gislr.data.preprocessing import reference
from gislr.data.store import Store, open_store
from gislr.data.store_writer import FrameBlock, write_store

REAL_CLIPS = 94_477
REAL_SIGNS = 250
REAL_SIGNERS = 21
MOST_FRAMES = 64
_CLIPS_AT_ONCE = 2_000


def real_lengths(clips: int, seed: int = 0) -> NDArray[np.int64]:
    """Draws lengths like the real set's: median 17 and mean 20 kept frames, at most 64."""
    drawn = np.exp(np.random.default_rng(seed).normal(2.83, 0.62, clips))
    return np.clip(drawn.round(), 1, MOST_FRAMES).astype(np.int64)


def made_up_store(
    folder: Path, clips: int, *, signs: int = REAL_SIGNS, landmarks: str = "dominant_hand"
) -> Store:
    """Writes and opens a store of noise; signs and signers come equally often."""
    settings = reference(MOST_FRAMES).model_copy(update={"landmarks": landmarks})
    lengths = real_lengths(clips)
    rng = np.random.default_rng(1)

    def blocks() -> Iterator[FrameBlock]:
        for start in range(0, clips, _CLIPS_AT_ONCE):
            part = lengths[start : start + _CLIPS_AT_ONCE]
            total = int(part.sum())
            yield FrameBlock(
                frames=rng.random((total, len(settings.landmark_set), 3), np.float32),
                frame_index=np.concatenate([np.arange(n, dtype=np.float32) for n in part]),
                lengths=part,
                raw_lengths=part,
                left_dominant=np.ones(len(part), bool),
            )

    names = [str(clip) for clip in range(clips)]
    listing = Listing(
        root=folder,
        paths=names,
        signers=[str(clip % REAL_SIGNERS) for clip in range(clips)],
        labels=np.arange(clips, dtype=np.int32) % signs,
        signs=[f"sign {sign}" for sign in range(signs)],
    )
    write_store(folder, blocks(), listing, settings, int(lengths.sum()))
    return open_store(folder)
