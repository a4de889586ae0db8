"""Pictures of how a model does; each function returns a matplotlib figure, ready to be saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gislr.errors import GislrError
from gislr.evaluation.drawing import (
    canvas,
    colours,
    confusion_order,
    row_shares,
    short_name,
)
from gislr.evaluation.landmark_figures import landmark_statistics
from gislr.evaluation.metrics import LOWER_IS_BETTER

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_picture", "f1_by_sign", "landmark_statistics", "learning_curves"]

_SIGNS_IN_A_PANEL = 50
_PANELS_IN_A_ROW = 5
_FEW_SIGNS = 40
_LABELLED_SIGNS = 300
_PAIRS_SHOWN = 40


def f1_by_sign(report: pd.DataFrame) -> Figure:
    """Draws the F1 of each sign as bars, the worst first.

    Args:
        report: What `reports.per_sign` returns; signs without clips are left out.
    """
    table = report[report["f1"].notna()]
    if table.empty:
        raise GislrError("A picture of F1 by sign needs a sign with clips; the report has none.")
    panels = math.ceil(len(table) / _SIGNS_IN_A_PANEL)
    columns = min(panels, _PANELS_IN_A_ROW)
    rows = math.ceil(panels / columns)
    in_panel = math.ceil(len(table) / panels)
    inch_a_sign = 0.26 if panels == 1 else 0.19
    width = 8.0 if panels == 1 else 3.4 * columns
    with canvas(width, 1.3 + rows * (0.3 + inch_a_sign * in_panel)) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        for panel, axes in enumerate(grid):
            part = table.iloc[panel * in_panel : (panel + 1) * in_panel]
            if part.empty:
                axes.remove()
                continue
            _bars(axes, part, in_panel, table["f1"].mean())
        left_out = len(report) - len(table)
        figure.suptitle(
            f"F1 of {_count(len(table), 'sign')}, worst first (mean {table['f1'].mean():.2f})"
            + (f"; {_count(left_out, 'sign')} without clips left out" if left_out else "")
        )
        figure.supxlabel("F1, and the number of clips in brackets; dashed: the mean", fontsize=9)
    return figure


def _bars(axes: Axes, part: pd.DataFrame, in_panel: int, mean: float) -> None:
    places = np.arange(len(part))
    size = 8 if in_panel < 30 else 7
    axes.barh(places, part["f1"], height=0.75, color=colours(1)[0])
    axes.axvline(mean, color="0.35", linewidth=1, linestyle="--")
    axes.set_yticks(places, [short_name(sign) for sign in part["sign"]], parse_math=False)
    for place, (f1, support) in enumerate(zip(part["f1"], part["support"], strict=True)):
        axes.text(1.02, place, f"{f1:.2f} ({support})", va="center", fontsize=size)
    axes.tick_params(axis="y", labelsize=size)
    axes.set(xlim=(0, 1.3), ylim=(in_panel - 0.4, -0.6), xticks=[0, 0.25, 0.5, 0.75, 1])
    axes.tick_params(axis="x", labelsize=7, labelbottom=True)
    axes.grid(visible=False, axis="y")


def confusion_picture(matrix: pd.DataFrame, pairs: pd.DataFrame) -> Figure:
    """Draws which signs are taken for which, as a heat map with the worst pairs listed beside it.

    Rows show shares of the true sign's clips; signs taken for each other stand together. Signs
    that occur neither among the labels nor among the predictions are left out.

    Args:
        matrix: What `reports.confusion_matrix` returns.
        pairs: What `reports.most_confused` returns.
    """
    import seaborn
    from matplotlib.colors import PowerNorm

    counts = matrix.to_numpy()
    seen = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    if not len(seen):
        raise GislrError("A picture of confusions needs a clip; the matrix holds none.")
    order = seen[confusion_order(counts[np.ix_(seen, seen)])]
    counts = counts[np.ix_(order, order)]
    names = [short_name(matrix.index[label]) for label in order]
    shares = row_shares(counts)
    few = len(order) <= _FEW_SIGNS
    side = max(5.0, 0.34 * len(order)) if few else max(11.0, min(16.0, 0.064 * len(order)))
    with canvas(side + 6.2, side + 1.2) as figure:
        picture, beside = figure.subplots(1, 2, width_ratios=[side, 4.6])
        seaborn.heatmap(
            shares,
            mask=np.repeat(counts.sum(axis=1, keepdims=True) == 0, len(order), axis=1),
            # Without the square root, mistakes of a few percent would look like none.
            norm=PowerNorm(0.5, 0, 1),
            cmap="mako_r",
            annot=np.where(counts, counts.astype(str), "") if few else None,
            fmt="",
            annot_kws={"fontsize": 7},
            square=True,
            linewidths=0.5 if few else 0,
            cbar_kws={
                "label": "share of the true sign's clips",
                "ticks": [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1],
                "format": lambda share, _: f"{share:.0%}",
                "location": "bottom",
                "shrink": 0.5,
                "aspect": 40,
            },
            xticklabels=False,
            yticklabels=False,
            ax=picture,
        )
        _name_rows_and_columns(picture, names, few)
        _list_pairs(beside, pairs.head(_PAIRS_SHOWN))
        figure.suptitle(f"What the clips of {_count(len(order), 'sign')} were taken for")
    return figure


def _name_rows_and_columns(axes: Axes, names: Sequence[str], few: bool) -> None:
    step = math.ceil(len(names) / _LABELLED_SIGNS)
    places = np.arange(0, len(names), step)
    shown = names[::step]
    size = 8 if few else 4
    axes.set_xticks(places + 0.5, shown, rotation=90, fontsize=size, parse_math=False)
    axes.set_yticks(places + 0.5, shown, rotation=0, fontsize=size, parse_math=False)
    axes.tick_params(length=0, pad=1)
    axes.set_facecolor("0.9")
    axes.set_xlabel("predicted sign" if few else "predicted sign (in the same order)")
    axes.set_ylabel("true sign (grey rows: no clips)")


def _list_pairs(axes: Axes, pairs: pd.DataFrame) -> None:
    axes.set_axis_off()
    if pairs.empty:
        axes.text(0, 1, "No clip was taken for another sign.", va="top", fontsize=9)
        return
    axes.set_title("Most confused", fontsize=10)
    cells = [
        [short_name(true), short_name(predicted), str(clips), f"{share:.0%}"]
        for true, predicted, clips, share in zip(
            pairs["true"], pairs["predicted"], pairs["clips"], pairs["share_of_true"], strict=True
        )
    ]
    table = axes.table(
        cells,
        colLabels=["true", "taken for", "clips", "share"],
        colWidths=[0.38, 0.38, 0.12, 0.12],
        cellLoc="left",
        edges="horizontal",
        loc="upper left",
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for cell in table.get_celld().values():
        cell.set_edgecolor("0.85")
        cell.get_text().set_parse_math(False)


def learning_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draws loss and accuracy over the epochs.

    Args:
        history: A value an epoch for `loss`, `acc`, `val_loss` and `val_acc`, as far as they were
            measured; other names are ignored, and NaN leaves a gap.

    Raises:
        GislrError: None of the four was measured.
    """
    shown = [name for name in _CURVES if history.get(name) or history.get(f"val_{name}")]
    if not shown:
        raise GislrError(
            "Learning curves need loss, acc, val_loss or val_acc of an epoch; "
            f"got {', '.join(history) or 'nothing'}."
        )
    with canvas(5.5 * len(shown), 3.8) as figure:
        for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            for prefix, label, colour in zip(
                ("", "val_"), ("training", "validation"), colours(2), strict=True
            ):
                _curve(axes, history.get(f"{prefix}{name}", ()), label, colour)
            _finish_curves(axes, history.get(f"val_{name}", ()), name)
        figure.suptitle("Training and validation over the epochs")
    return figure


def _curve(axes: Axes, values: Sequence[float], label: str, colour: object) -> None:
    if len(values):
        epochs = np.arange(1, len(values) + 1)
        marker = "o" if len(values) <= 30 else None
        axes.plot(epochs, values, color=colour, label=label, marker=marker, markersize=3)


def _finish_curves(axes: Axes, validation: Sequence[float], name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    values = np.asarray(validation, np.float64)
    if np.isfinite(values).any():
        best = int(np.nanargmin(values) if name in LOWER_IS_BETTER else np.nanargmax(values))
        axes.plot(
            best + 1,
            values[best],
            linestyle="none",
            marker="o",
            markersize=7,
            color=colours(2)[1],
            label=f"best validation: {values[best]:.3f}, epoch {best + 1}",
        )
    axes.set(title=_CURVES[name][0], xlabel="epoch", ylabel=_CURVES[name][1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(frameon=True)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


_CURVES = {
    "loss": ("Loss", "cross-entropy (nats)"),
    "acc": ("Accuracy", "share of clips recognised"),
}
