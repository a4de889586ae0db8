"""The figure of which signs are confused with which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.figures.canvas import canvas, count_of, short_name
from gislr.evaluation.metrics.confusion import row_fractions

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEW_SIGNS = 40
_MOST_NAMES = 300
_PAIRS_WIDTH = 5.2


def confusion_figure(matrix: pd.DataFrame, pairs: pd.DataFrame) -> Figure:
    """Draws a confusion matrix as a heat map, with the most confused pairs next to it.

    Colors show fractions of the true sign's clips. Up to 40 signs, cells hold the number of clips;
    above 300 signs, only some are named.

    Args:
        matrix: A confusion matrix in the order of `confusion.sort_by_confusion`.
        pairs: As by `confusion.most_confused`; as many are listed as there is room for.
    """
    counts = matrix.to_numpy()
    names = [short_name(sign) for sign in matrix.index]
    few = len(names) <= _FEW_SIGNS
    side = max(4.5, 0.34 * len(names)) if few else min(16.0, 0.21 * len(names))
    name_size = 8 if few else min(8, max(4, int(60 * side / len(names))))
    text_size = max(8.0, 0.7 * side)
    margin = 0.9 + name_size / 110 * max(map(len, names))
    width, height = side + margin + text_size / 8 * _PAIRS_WIDTH, side + margin
    with canvas(width, height, 120 if few else 150) as figure:
        areas: dict[str, Axes] = figure.subplot_mosaic(
            [["matrix", "colors"], ["matrix", "pairs"]],
            width_ratios=[height, width - height],
            height_ratios=[0.2, height - 1.3],
        )
        _heat_map(areas["matrix"], areas["colors"], counts, few)
        _name_rows_and_columns(areas["matrix"], names, name_size)
        areas["matrix"].set_xlabel("predicted sign", fontsize=text_size)
        areas["matrix"].set_ylabel("true sign", fontsize=text_size)
        row_height = 0.025 * text_size
        _list_pairs(areas["pairs"], pairs.head(int((height - 2) / row_height)), text_size)
        title = f"Confusion matrix of {count_of(len(names), 'sign')}"
        figure.suptitle(title, fontsize=1.4 * text_size)
    return figure


def _heat_map(axes: Axes, color_bar: Axes, counts: NDArray[np.int64], few: bool) -> None:
    import seaborn
    from matplotlib.colors import PowerNorm

    seaborn.heatmap(
        row_fractions(counts),
        mask=counts == 0,
        # Without the square root, errors of a few percent would be invisible.
        norm=PowerNorm(0.5, 0, 1),
        cmap="mako_r",
        annot=counts if few else None,
        fmt="d",
        annot_kws={"fontsize": 7},
        cbar_ax=color_bar,
        cbar_kws={
            "label": "fraction of the true sign's clips (gray: no clips)",
            "ticks": [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1],
            "format": lambda fraction, _: f"{fraction:.0%}",
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
    positions = np.arange(0, len(names), step) + 0.5
    axes.set_xticks(positions, names[::step], rotation=90, fontsize=size)
    axes.set_yticks(positions, names[::step], rotation=0, fontsize=size)
    axes.tick_params(length=0, pad=2)


def _list_pairs(axes: Axes, pairs: pd.DataFrame, size: float) -> None:
    axes.set_axis_off()
    if pairs.empty:
        axes.text(0, 1, "No clip is confused with another sign.", va="top", fontsize=size)
        return
    axes.set_title(f"Most confused ({count_of(len(pairs), 'pair')})", fontsize=1.2 * size)
    cells = [
        [short_name(true), short_name(predicted), str(clips), f"{fraction:.0%}"]
        for true, predicted, clips, fraction in pairs.itertuples(index=False)
    ]
    table = axes.table(
        [["true sign", "confused with", "clips", "fraction"], *cells],
        colWidths=[0.37, 0.37, 0.11, 0.15],
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
        cell.get_text().set(weight="bold" if row == 0 else "normal")


def confusion_chart(matrix: pd.DataFrame) -> Any:
    """Returns a Plotly figure to zoom into; its cells show their signs and clips on hover.

    Args:
        matrix: A confusion matrix in the order of `sort_by_confusion`.
    """
    import plotly.express as px

    # Plotly takes markup in labels for its own.
    predicted, true = ([escape(str(n), quote=False) for n in names] for names in matrix.axes[::-1])
    fractions = row_fractions(matrix.to_numpy())
    chart = px.imshow(
        np.sqrt(fractions),
        x=predicted,
        y=true,
        labels={"x": "predicted sign", "y": "true sign"},
        color_continuous_scale="Blues",
        aspect="equal",
        width=1000,
        height=950,
    )
    chart.update_traces(
        customdata=np.dstack([matrix.to_numpy(), np.round(100 * fractions, 1)]),
        hovertemplate="true %{y}<br>predicted %{x}<br>%{customdata[0]} clips, "
        "%{customdata[1]}% of the true sign's clips<extra></extra>",
    )
    chart.update_layout(coloraxis_showscale=False)
    return chart
