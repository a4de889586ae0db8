"""Pictures of how a model does; each function returns a matplotlib figure, ready to be saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gislr.evaluation.figures.canvas import canvas, colors, count_of, short_name
from gislr.evaluation.figures.confusion_figure import confusion_picture
from gislr.evaluation.figures.landmark_figures import landmark_statistics
from gislr.evaluation.metrics.scores import LOWER_IS_BETTER
from gislr.utils.errors import GislrError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_picture", "f1_by_sign", "landmark_statistics", "learning_curves"]

_SIGNS_IN_A_PANEL = 50
_PANELS_IN_A_ROW = 5


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
    height = 1.3 + rows * (0.3 + inch_a_sign * in_panel)
    with canvas(width, height, 120 if rows == 1 else 80) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        for panel, axes in enumerate(grid):
            part = table.iloc[panel * in_panel : (panel + 1) * in_panel]
            if part.empty:
                axes.remove()
                continue
            _bars(axes, part, in_panel, table["f1"].mean())
        left_out = len(report) - len(table)
        figure.suptitle(
            f"F1 of {count_of(len(table), 'sign')}, worst first (mean {table['f1'].mean():.2f})"
            + (f"; {count_of(left_out, 'sign')} without clips left out" if left_out else "")
        )
        figure.supxlabel("F1, and the number of clips in brackets; dashed: the mean", fontsize=9)
    return figure


def _bars(axes: Axes, part: pd.DataFrame, in_panel: int, mean: float) -> None:
    places = np.arange(len(part))
    size = 8 if in_panel < 30 else 7
    axes.barh(places, part["f1"], height=0.75, color=colors(1)[0])
    axes.axvline(mean, color="0.35", linewidth=1, linestyle="--")
    axes.set_yticks(places, [short_name(sign) for sign in part["sign"]], parse_math=False)
    for place, (f1, support) in enumerate(zip(part["f1"], part["support"], strict=True)):
        axes.text(1.02, place, f"{f1:.2f} ({support})", va="center", fontsize=size)
    axes.tick_params(axis="y", labelsize=size)
    axes.set(
        xlim=(0, 1.25 if in_panel > 30 else 1.15),
        ylim=(in_panel - 0.4, -0.6),
        xticks=[0, 0.25, 0.5, 0.75, 1],
    )
    axes.tick_params(axis="x", labelsize=7, labelbottom=True)
    axes.grid(visible=False, axis="y")
    axes.spines[["top", "right"]].set_visible(False)


def learning_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draws loss and accuracy over the epochs.

    Args:
        history: A value an epoch for `loss`, `acc`, `val_loss` and `val_acc`, as far as they were
            measured; other names are ignored, and NaN leaves a gap.

    Raises:
        GislrError: None of the four was measured.
    """
    shown = [
        name for name in _CURVES if any(len(history.get(key, ())) for key in (name, f"val_{name}"))
    ]
    if not shown:
        raise GislrError(
            "Learning curves need loss, acc, val_loss or val_acc of an epoch; "
            f"got {', '.join(history) or 'nothing'}."
        )
    with canvas(5.5 * len(shown), 3.8) as figure:
        for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            for prefix, label, color in zip(
                ("", "val_"), ("training", "validation"), colors(2), strict=True
            ):
                _curve(axes, history.get(f"{prefix}{name}", ()), label, color)
            _finish_curves(axes, history.get(f"val_{name}", ()), name)
        figure.suptitle("Training and validation over the epochs")
    return figure


def _curve(axes: Axes, values: Sequence[float], label: str, color: object) -> None:
    if len(values):
        epochs = np.arange(1, len(values) + 1)
        marker = "o" if len(values) <= 30 else None
        axes.plot(epochs, values, color=color, label=label, marker=marker, markersize=3)


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
            color=colors(2)[1],
            label=f"best validation: {values[best]:.3f}, epoch {best + 1}",
        )
    axes.set(title=_CURVES[name][0], xlabel="epoch", ylabel=_CURVES[name][1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.legend(frameon=True)


_CURVES = {
    "loss": ("Loss", "cross-entropy (nats)"),
    "acc": ("Accuracy", "share of clips recognized"),
}
