"""Figures of prepared data: clips of each sign and signer, and clip lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gislr.data.store import Store
from gislr.evaluation.figures.canvas import canvas, colors

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def clip_counts(store: Store) -> Figure:
    """Draws the number of clips of each sign and of each signer, the largest first."""
    columns = {"sign": store.clips.labels, "signer": store.clips.signers}
    with canvas(9.5, 3.2) as figure:
        for axes, (name, values) in zip(figure.subplots(1, 2), columns.items(), strict=True):
            _, counts = np.unique(values, return_counts=True)
            axes.bar(np.arange(len(counts)), np.sort(counts)[::-1], color=colors(1)[0], width=1)
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
