"""Figures of prepared data: clip counts, clip lengths and landmark positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import DOMINANT_HAND, LandmarkSet
from gislr.data.store import Store
from gislr.evaluation.figures.canvas import canvas, colors, count_of
from gislr.utils.errors import GislrError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PERCENTILES = (1, 25, 50, 75, 99)
"""The lower whisker's end, the box and its median, the upper whisker's end."""

_FINGERS = ("thumb", "index", "middle", "ring", "little")
_HAND = ["wrist", *(f"{finger} {joint}" for finger in _FINGERS for joint in range(1, 5))]
_ARM = ["elbow", "wrist", "little finger", "index finger", "thumb"]
_NAMES = {
    "hand": _HAND,
    "other_hand": _HAND,
    "pose": _ARM,
    "other_pose": _ARM,
    "shoulders": ["of the dominant hand", "other"],
}
"""Of the landmarks of a part; those of other parts are numbered."""
_TITLES = {
    "hand": "dominant hand",
    "pose": "dominant arm",
    "other_pose": "other arm",
    "eye": "eye on the side of the dominant hand",
}
"""Of parts whose title is not their name."""
_LABELS = ("x (fraction of image width)", "y (fraction of image height, from the top)")


def clip_counts(store: Store) -> Figure:
    """Draws the number of clips of each sign and of each signer, the largest first."""
    columns: dict[str, NDArray[Any]] = {"sign": store.clips.labels}
    if store.clips.signers_known:
        columns["signer"] = store.clips.signers
    with canvas(9.5, 3.2) as figure:
        panels = figure.subplots(1, len(columns), squeeze=False)[0]
        for axes, (name, values) in zip(panels, columns.items(), strict=True):
            _, counts = np.unique(values, return_counts=True)
            counts = np.sort(counts)[::-1]
            axes.bar(np.arange(len(counts)), counts, width=1, linewidth=0, color=colors(1)[0])
            axes.set(
                title=f"Clips per {name} ({counts.min()} to {counts.max()}, "
                f"median {int(np.median(counts))})",
                xlabel=f"{name}s, most clips first",
                ylabel="clips",
            )
    return figure


def clip_lengths(store: Store) -> Figure:
    """Draws histograms of raw clip lengths and of the fraction of frames with a hand."""
    known = store.clips.raw_lengths > 0
    raw, kept = store.clips.raw_lengths[known], store.clips.lengths[known]
    with canvas(9.5, 3.2) as figure:
        left, right = figure.subplots(1, 2)
        if known.any():
            left.hist(np.minimum(raw, np.quantile(raw, 0.99)), bins=40, color=colors(1)[0])
            left.set_title(f"Frames per clip (median {int(np.median(raw))}, longest {raw.max()})")
            whole = kept < store.most_frames
            fractions = np.minimum(kept[whole] / raw[whole], 1)
            right.hist(fractions, bins=30, color=colors(1)[0])
            right.set_title("Fraction of frames with a hand")
            right.set_xlabel(f"clips with fewer than {store.most_frames} frames with a hand")
        left.set_xlabel("frames (the longest 1% of clips are in the last bar)")
        left.set_ylabel("clips")
    return figure


def frames_with_hand(fractions: Sequence[float]) -> Figure:
    """Draws a histogram of the fraction of each clip's frames in which a hand was found."""
    with canvas(6.0, 3.2) as figure:
        axes = figure.subplots()
        axes.hist(fractions, bins=20, range=(0, 1), color=colors(1)[0])
        axes.set(
            title=f"A hand was found in {np.mean(fractions):.0%} of the frames, mean of "
            f"{count_of(len(fractions), 'clip')}",
            xlabel="fraction of frames with a hand",
            ylabel="clips",
        )
    return figure


def landmark_box_plots(
    frames: NDArray[np.float32], landmarks: LandmarkSet = DOMINANT_HAND
) -> dict[str, Figure]:
    """Draws box plots of the x and y of each landmark, one figure per part.

    Boxes show quartiles, whiskers the 1st and the 99th percentile.

    Args:
        frames: float32 [frames, landmarks, 2 or 3], not standardized; NaN, which is missing,
            is left out.
        landmarks: The landmarks' parts.

    Returns:
        The figures by part.

    Raises:
        GislrError: There is no frame, or the array has another shape.
    """
    if frames.ndim != 3 or frames.shape[1] != len(landmarks) or frames.shape[2] not in (2, 3):
        raise GislrError(
            f"Frames must have the shape [frames, {len(landmarks)}, 2 or 3]; "
            f"got {list(frames.shape)}."
        )
    if not len(frames):
        raise GislrError("Box plots of landmarks need at least one frame; got none.")
    values = frames[:, :, :2].astype(np.float64)
    return {
        part: _draw(part, values[:, places], landmarks.left[places])
        for part, places in landmarks.parts.items()
    }


def _draw(part: str, values: NDArray[np.float64], rows: NDArray[np.int64]) -> Figure:
    names = _NAMES.get(part) or [str(row) for row in rows]
    present = ~np.isnan(values).all(axis=(1, 2))
    with canvas(max(6.0, 2.0 + 0.26 * len(names)), 7.5) as figure:
        both = figure.subplots(2, 1, sharex=True)
        for axis, (axes, label) in enumerate(zip(both, _LABELS, strict=True)):
            if present.any():
                _boxes(axes, values[:, :, axis], colors(2)[axis])
            else:
                axes.text(0.5, 0.5, "missing in every frame", ha="center", transform=axes.transAxes)
            axes.grid(visible=False, axis="x")
            axes.set(ylabel=label, xlim=(-0.8, len(names) - 0.2))
        # The image's y grows downwards, and so does the plot's.
        both[1].invert_yaxis()
        both[1].set_xticks(range(len(names)), names, rotation=90 if len(names) > 10 else 0)
        both[1].set_xlabel(
            f"{len(values):,} frames, {present.mean():.1%} of them with this part; "
            "whiskers: 1st to 99th percentile"
        )
        title = _TITLES.get(part, part.replace("_", " "))
        figure.suptitle(f"Positions of the landmarks: {title}")
    return figure


def _boxes(axes: Axes, values: NDArray[np.float64], color: object) -> None:
    # Matplotlib's own box plots draw seven lines a box, one by one: a third of the figures' time.
    places = np.flatnonzero(~np.isnan(values).all(axis=0))
    low, q1, median, q3, high = np.nanpercentile(values[:, places], _PERCENTILES, axis=0)
    axes.vlines(np.tile(places, 2), [*low, *q3], [*q1, *high], color="0.3", linewidth=1)
    axes.hlines([*low, *high], *_around(np.tile(places, 2), 0.35), color="0.3", linewidth=1)
    axes.bar(places, q3 - q1, 0.7, q1, color=color, edgecolor="0.3", linewidth=0.7)
    axes.hlines(median, *_around(places, 0.7), color="black", linewidth=1)


def _around(places: NDArray[np.int64], width: float) -> tuple[Any, Any]:
    return places - width / 2, places + width / 2
