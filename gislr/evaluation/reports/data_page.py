"""One page that says what data is like before anything is trained on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gislr.data import landmark_statistics as statistics
from gislr.data.landmarks import LandmarkSet
from gislr.data.store import Store
from gislr.evaluation.figures.canvas import canvas, colors
from gislr.evaluation.figures.landmark_figures import landmark_statistics
from gislr.evaluation.reports.html_page import Section, page

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_SUSPECT_SHOWN = 200
_CLIPS_LOOKED_AT = 5000
_STILL = 1e-6


def data_page(title: str, store: Store, suspects: pd.DataFrame) -> str:
    """Returns the page as HTML that needs no network.

    Args:
        title: What the data is called.
        store: The prepared data.
        suspects: What `suspect_clips` returned.
    """
    every_clip = np.arange(len(store.clips))
    frames = statistics.sample_frames(store, every_clip)
    landmarks = store.preprocessing.landmark_set
    left = float(store.clips.left_dominant.mean())
    sections = [
        Section(
            "Clips",
            f"The left hand is the dominant one in {left:.0%} of the clips.",
            figures=[_counts(store), _lengths(store)],
        ),
        Section("Signs", tables=[_by(store, "sign")]),
        Section("Signers", tables=[_by(store, "signer")]),
        Section(
            "Suspect clips",
            f"{len(suspects)} clips, of which at most {_SUSPECT_SHOWN} are listed; look at one "
            "with: python -m gislr.view CLIP",
            tables=[suspects.head(_SUSPECT_SHOWN)],
        ),
        Section(
            "Missing landmarks",
            "Share of kept frames in which a part was not found.",
            tables=[_missing(frames, landmarks)],
        ),
        Section(
            "Where landmarks lie",
            "Boxes: quartiles; whiskers: 1st and 99th percentile.",
            figures=list(landmark_statistics(frames, landmarks).values()),
        ),
    ]
    return page(title, store.summary(), sections)


def suspect_clips(store: Store) -> pd.DataFrame:
    """Lists clips that a person should look at, with what is odd about them.

    Those without a hand, of a single frame, frozen (no landmark moves), or with most of a hand
    outside the image. Of large data only 5,000 clips' landmarks are looked at.

    Returns:
        A row a clip: `clip`, `signer`, `sign`, `frames`, `problem`.
    """
    import pandas as pd

    all_clips = store.all_clips
    rows = [
        [all_clips.paths[k], all_clips.signers[k], store.signs[all_clips.labels[k]], 0, "no hand"]
        for k in np.flatnonzero(all_clips.lengths == 0).tolist()
    ]
    clips = store.clips
    looked_at = np.arange(len(clips))
    if len(looked_at) > _CLIPS_LOOKED_AT:
        chosen = np.random.default_rng(0).choice(len(clips), _CLIPS_LOOKED_AT, replace=False)
        looked_at = np.sort(chosen)
    for k in looked_at.tolist():
        problem = _problem(
            store.frames[
                store.offsets[k] : store.offsets[k + 1],
                store.preprocessing.landmark_set.parts["hand"],
            ]
        )
        if problem:
            sign = store.signs[clips.labels[k]]
            rows.append([clips.paths[k], clips.signers[k], sign, int(clips.lengths[k]), problem])
    return pd.DataFrame(rows, columns=["clip", "signer", "sign", "frames", "problem"])


def _problem(hand: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> str:
    if len(hand) == 1:
        return "one frame"
    hand = hand[..., :2]
    if np.ptp(hand, axis=0).max() < _STILL:
        return "frozen"
    found = hand != 0
    outside = ((hand < 0) | (hand > 1)) & found
    if outside.sum() > 0.5 * max(1, found.sum()):
        return "hand outside the image"
    return ""


def _counts(store: Store) -> Figure:
    names = {"sign": store.clips.labels, "signer": store.clips.signers}
    with canvas(9.5, 3.2) as figure:
        for axes, (name, values) in zip(figure.subplots(1, 2), names.items(), strict=True):
            _, counts = np.unique(values, return_counts=True)
            axes.bar(np.arange(len(counts)), np.sort(counts)[::-1], color=colors(1)[0], width=1)
            axes.set(
                title=f"Clips of each {name} ({counts.min()} to {counts.max()}, "
                f"median {int(np.median(counts))})",
                xlabel=f"{name}s, most clips first",
                ylabel="clips",
            )
    return figure


def _lengths(store: Store) -> Figure:
    known = store.clips.raw_lengths > 0
    raw, kept = store.clips.raw_lengths[known], store.clips.lengths
    with canvas(9.5, 3.2) as figure:
        left, right = figure.subplots(1, 2)
        if known.any():
            left.hist(np.minimum(raw, np.quantile(raw, 0.99)), bins=40, color=colors(1)[0])
            left.set_title(f"Frames of a clip (median {int(np.median(raw))}, longest {raw.max()})")
            shown = kept[known] < store.most_frames
            shares = kept[known][shown] / raw[shown]
            right.hist(np.minimum(shares, 1), bins=30, color=colors(1)[0])
            right.set_title("Share of frames with a hand")
            right.set_xlabel(f"clips of less than {store.most_frames} frames with a hand")
        left.set_xlabel("frames; the longest 1% are in the last bar")
        left.set_ylabel("clips")
    return figure


def _by(store: Store, what: str) -> pd.DataFrame:
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
    other = "signer" if what == "sign" else "sign"
    grouped = table.groupby(what, sort=True)
    return pd.DataFrame(
        {
            "clips": grouped.size(),
            f"{other}s": grouped[other].nunique(),
            "median_raw_frames": grouped["raw_frames"].median(),
            "median_kept_frames": grouped["kept_frames"].median(),
            "left_dominant": grouped["left_dominant"].mean(),
        }
    ).reset_index()


def _missing(
    frames: np.ndarray[tuple[int, ...], np.dtype[np.float32]], landmarks: LandmarkSet
) -> pd.DataFrame:
    import pandas as pd

    rows = [
        [part, float((frames[:, places] == 0).all(axis=(1, 2)).mean())]
        for part, places in landmarks.parts.items()
    ]
    return pd.DataFrame(rows, columns=["part", "share_missing"])
