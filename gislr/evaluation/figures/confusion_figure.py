"""The picture of which signs are taken for which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.figures.canvas import canvas, count_of, short_name
from gislr.utils.errors import GislrError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEW_SIGNS = 40
_MOST_NAMES = 300
_PAIRS_WIDTH = 5.2


def confusion_picture(matrix: pd.DataFrame, pairs: pd.DataFrame) -> Figure:
    """Draws which signs are taken for which, as a heat map with the worst pairs listed beside it.

    Rows show shares of the true sign's clips, and for up to 40 signs the number of clips; signs
    taken for each other stand together. Signs that occur neither among the labels nor among the
    predictions are left out. Above 300 signs only some of them are named.

    Args:
        matrix: What `reports.confusion_matrix` returns.
        pairs: What `reports.most_confused` returns; as many as there is room for are all_clips.

    Raises:
        GislrError: The matrix holds no clip.
    """
    counts = matrix.to_numpy()
    seen = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    if not len(seen):
        raise GislrError("A picture of confusions needs a clip; the matrix holds none.")
    order = seen[order_by_confusion(counts[np.ix_(seen, seen)])]
    counts = counts[np.ix_(order, order)]
    names = [short_name(matrix.index[label]) for label in order]
    few = len(names) <= _FEW_SIGNS
    side = max(4.5, 0.34 * len(names)) if few else min(16.0, 0.21 * len(names))
    name_size = 8 if few else min(8, max(4, int(60 * side / len(names))))
    text_size = max(8.0, 0.7 * side)
    margin = 0.9 + name_size / 110 * max(map(len, names))
    width, height = side + margin + text_size / 8 * _PAIRS_WIDTH, side + margin
    with canvas(width, height, 120 if few else 150) as figure:
        areas: dict[str, Axes] = figure.subplot_mosaic(
            [["picture", "shades"], ["picture", "pairs"]],
            width_ratios=[height, width - height],
            height_ratios=[0.2, height - 1.3],
        )
        _heat_map(areas["picture"], areas["shades"], counts, few)
        _name_rows_and_columns(areas["picture"], names, name_size)
        areas["picture"].set_xlabel("predicted sign", fontsize=text_size)
        areas["picture"].set_ylabel("true sign", fontsize=text_size)
        row_height = 0.025 * text_size
        _list_pairs(areas["pairs"], pairs.head(int((height - 2) / row_height)), text_size)
        figure.suptitle(
            f"What the clips of {count_of(len(names), 'sign')} were taken for",
            fontsize=1.4 * text_size,
        )
    return figure


def order_by_confusion(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Orders signs so that those taken for each other stand together.

    Args:
        counts: int64 [signs, signs], a row for each true sign.

    Returns:
        int64 [signs], indices, by average-linkage clustering; two signs are the nearer the larger
        the shares of their clips that are taken for the other.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(counts) < 3:
        return np.arange(len(counts))
    shares = _row_shares(counts)
    distance = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distance, 0)
    # The best order of the branches takes cubic time.
    few = len(counts) <= 500
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=few)
    return np.asarray(leaves_list(tree), np.int64)


def _heat_map(axes: Axes, shades: Axes, counts: NDArray[np.int64], few: bool) -> None:
    import seaborn
    from matplotlib.colors import PowerNorm

    seaborn.heatmap(
        _row_shares(counts),
        mask=counts == 0,
        # Without the square root, mistakes of a few percent would look like none.
        norm=PowerNorm(0.5, 0, 1),
        cmap="mako_r",
        annot=counts if few else None,
        fmt="d",
        annot_kws={"fontsize": 7},
        cbar_ax=shades,
        cbar_kws={
            "label": "share of the true sign's clips (gray: it has none)",
            "ticks": [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1],
            "format": lambda share, _: f"{share:.0%}",
            "orientation": "horizontal",
        },
        xticklabels=False,
        yticklabels=False,
        ax=axes,
    )
    axes.grid(visible=False)
    for row in np.flatnonzero(counts.sum(axis=1) == 0).tolist():
        axes.axhspan(row, row + 1, color="0.9", linewidth=0)
    lines = np.arange(1, len(counts)) if few else np.arange(10, len(counts), 10)
    axes.hlines(lines, 0, len(counts), color="0.9", linewidth=0.5)
    axes.vlines(lines, 0, len(counts), color="0.9", linewidth=0.5)
    for spine in axes.spines.values():
        spine.set_visible(True)


def _name_rows_and_columns(axes: Axes, names: Sequence[str], size: int) -> None:
    step = math.ceil(len(names) / _MOST_NAMES)
    places = np.arange(0, len(names), step) + 0.5
    axes.set_xticks(places, names[::step], rotation=90, fontsize=size, parse_math=False)
    axes.set_yticks(places, names[::step], rotation=0, fontsize=size, parse_math=False)
    axes.tick_params(length=0, pad=2)


def _list_pairs(axes: Axes, pairs: pd.DataFrame, size: float) -> None:
    axes.set_axis_off()
    if pairs.empty:
        axes.text(0, 1, "No clip was taken for another sign.", va="top", fontsize=size)
        return
    axes.set_title(f"Confused most often ({count_of(len(pairs), 'pair')})", fontsize=1.2 * size)
    cells = [
        [short_name(true), short_name(predicted), str(clips), f"{share:.0%}"]
        for true, predicted, clips, share in pairs.itertuples(index=False)
    ]
    table = axes.table(
        [["true sign", "taken for", "clips", "share"], *cells],
        colWidths=[0.38, 0.38, 0.12, 0.12],
        cellLoc="left",
        edges="B",
        loc="upper left",
    )
    table.auto_set_font_size(False)
    table.set_fontsize(size)
    table.scale(1, 1.25 * size / 8)
    for (row, _), cell in table.get_celld().items():
        cell.PAD = 0.02
        cell.set_edgecolor("0.85")
        cell.get_text().set(parse_math=False, weight="bold" if row == 0 else "normal")


def _row_shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns each row divided by its sum, float64; a row of zeros stays one."""
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
