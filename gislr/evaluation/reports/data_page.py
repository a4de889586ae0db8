"""One page that describes data before any training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.data import landmark_statistics as statistics
from gislr.data.landmarks import LandmarkSet
from gislr.data.store import Store
from gislr.evaluation.figures.data_figures import clip_counts, clip_lengths, landmark_box_plots
from gislr.evaluation.reports.page import Page, Section

if TYPE_CHECKING:
    import pandas as pd

_SUSPECTS_LISTED = 200
_CLIPS_CHECKED = 5000
_STILL = 1e-6


def data_page(title: str, store: Store, suspects: pd.DataFrame) -> Page:
    """Returns a page that describes data.

    Args:
        title: Its heading.
        store: The prepared data.
        suspects: As by `suspect_clips`.
    """
    frames = statistics.sample_frames(store, np.arange(len(store.clips)))
    landmarks = store.preprocessing.landmark_set
    left = float(store.clips.left_dominant.mean())
    sections = [
        Section(
            "Clips",
            f"The left hand is the dominant one in {left:.0%} of the clips.",
            figures=[clip_counts(store), clip_lengths(store)],
        ),
        Section("Signs", tables=[_by(store, "sign")]),
        Section("Signers", tables=[_by(store, "signer")]),
        Section(
            "Suspect clips",
            f"{len(suspects)} clips; the table lists at most {_SUSPECTS_LISTED}. To see one: "
            "gislr view CLIP root=DIR",
            tables=[suspects.head(_SUSPECTS_LISTED)],
        ),
        Section(
            "Missing landmarks",
            "Fraction of kept frames in which a part was not found.",
            tables=[_missing(frames, landmarks)],
        ),
        Section(
            "Landmark positions",
            "Boxes: quartiles; whiskers: 1st and 99th percentile.",
            figures=list(landmark_box_plots(frames, landmarks).values()),
        ),
    ]
    return Page(title, store.summary(), sections)


def suspect_clips(store: Store) -> pd.DataFrame:
    """Returns clips that a person should check.

    These are clips without a hand, with a single frame, frozen (no landmark moves), or with most of
    the hand outside the image. If there are more than 5,000 clips, a random sample is checked.

    Returns:
        A row per clip: `clip`, `signer`, `sign`, `frames`, `problem`.
    """
    import pandas as pd

    hand = store.preprocessing.landmark_set.parts["hand"]
    checked = np.arange(len(store.clips))
    if len(checked) > _CLIPS_CHECKED:
        checked = np.sort(np.random.default_rng(0).choice(checked, _CLIPS_CHECKED, replace=False))
    found = [(store.all_clips, k, "no hand") for k in np.flatnonzero(store.all_clips.lengths == 0)]
    for k in checked:
        frames = slice(store.offsets[k], store.offsets[k + 1])
        if problem := _problem(store.frames[frames, hand]):
            found.append((store.clips, k, problem))
    rows = [
        [of.paths[k], of.signers[k], store.signs[of.labels[k]], int(of.lengths[k]), problem]
        for of, k, problem in found
    ]
    return pd.DataFrame(rows, columns=["clip", "signer", "sign", "frames", "problem"])


def _problem(hand: NDArray[np.float32]) -> str:
    if len(hand) == 1:
        return "one frame"
    hand = hand[..., :2]
    if not (np.ptp(hand, axis=0) >= _STILL).any():
        return "frozen"
    outside = (hand < 0) | (hand > 1)
    if outside.sum() > 0.5 * max(1, int(np.count_nonzero(~np.isnan(hand)))):
        return "hand outside the image"
    return ""


def _by(store: Store, key: str) -> pd.DataFrame:
    import pandas as pd

    clips = store.clips
    table = pd.DataFrame(
        {
            "sign": [store.signs[label] for label in clips.labels],
            "signer": clips.signers,
            "raw_frames": clips.raw_lengths,
            "kept_frames": clips.lengths,
            "left_dominant": clips.left_dominant.astype(float),
        }
    )
    other = "signer" if key == "sign" else "sign"
    aggregated = {
        "clips": (other, "size"),
        f"{other}s": (other, "nunique"),
        "median_raw_frames": ("raw_frames", "median"),
        "median_kept_frames": ("kept_frames", "median"),
        "left_dominant": ("left_dominant", "mean"),
    }
    return table.groupby(key).agg(**aggregated).reset_index()


def _missing(frames: NDArray[np.float32], landmarks: LandmarkSet) -> pd.DataFrame:
    import pandas as pd

    rows = [
        [part, float(np.isnan(frames[:, places]).all(axis=(1, 2)).mean())]
        for part, places in landmarks.parts.items()
    ]
    return pd.DataFrame(rows, columns=["part", "fraction_missing"])
