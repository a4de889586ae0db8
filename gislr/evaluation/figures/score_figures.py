"""Figures of scores: F1 by sign, and learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gislr.evaluation.figures.canvas import canvas, colors, count_of, short_name
from gislr.evaluation.metrics.scores import lower_is_better
from gislr.utils.errors import GislrError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIGNS_PER_PANEL = 50
_PANELS_PER_ROW = 5
_CURVES = {"loss": ("Loss", "cross-entropy (nats)"), "acc": ("Accuracy", "accuracy")}
"""Title and label of the axis."""


def f1_by_sign(table: pd.DataFrame) -> Figure:
    """Draws the F1 of each sign as bars, the lowest first.

    Args:
        table: As by `tables.per_sign`; signs without clips are left out.
    """
    shown = table[table["f1"].notna()]
    panels = math.ceil(len(shown) / _SIGNS_PER_PANEL)
    columns = min(panels, _PANELS_PER_ROW)
    rows = math.ceil(panels / columns)
    per_panel = math.ceil(len(shown) / panels)
    inches_per_sign, width = (0.26, 8.0) if panels == 1 else (0.19, 3.4 * columns)
    height = 1.3 + rows * (0.3 + inches_per_sign * per_panel)
    with canvas(width, height, 120 if rows == 1 else 80) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        for panel, axes in enumerate(grid):
            part = shown.iloc[panel * per_panel : (panel + 1) * per_panel]
            if part.empty:
                axes.remove()
            else:
                _bars(axes, part, per_panel, shown["f1"].mean())
        left_out = len(table) - len(shown)
        figure.suptitle(
            f"F1 of {count_of(len(shown), 'sign')}, lowest first (mean {shown['f1'].mean():.2f})"
            + (f"; {count_of(left_out, 'sign')} without clips left out" if left_out else "")
        )
        figure.supxlabel("F1 (number of clips in parentheses; dashed: mean)", fontsize=9)
    return figure


def _bars(axes: Axes, part: pd.DataFrame, per_panel: int, mean: float) -> None:
    positions = np.arange(len(part))
    size = 8 if per_panel < 30 else 7
    axes.barh(positions, part["f1"], height=0.75, color=colors(1)[0])
    axes.axvline(mean, color="0.35", linewidth=1, linestyle="--")
    axes.set_yticks(positions, [short_name(sign) for sign in part["sign"]])
    for position, (f1, support) in enumerate(zip(part["f1"], part["support"], strict=True)):
        axes.text(1.02, position, f"{f1:.2f} ({support})", va="center", fontsize=size)
    axes.tick_params(axis="y", labelsize=size)
    axes.set(
        xlim=(0, 1.25 if per_panel > 30 else 1.15),
        ylim=(per_panel - 0.4, -0.6),
        xticks=[0, 0.25, 0.5, 0.75, 1],
    )
    axes.tick_params(axis="x", labelsize=7, labelbottom=True)
    axes.grid(visible=False, axis="y")
    axes.spines[["top", "right"]].set_visible(False)


def score_by_clips(table: pd.DataFrame, over: str) -> Figure:
    """Draws weighted F1 by the number of training clips of each sign, with intervals.

    Args:
        table: Columns `clips_per_sign`, `weighted_f1`, `weighted_f1_low` and `weighted_f1_high`.
        over: What the intervals are over, for the title.
    """
    values = table["weighted_f1"].to_numpy()
    errors = [values - table["weighted_f1_low"], table["weighted_f1_high"] - values]
    with canvas(6.0, 3.8) as figure:
        axes = figure.subplots()
        places = np.arange(len(table))
        axes.errorbar(places, values, errors, color=colors(1)[0], marker="o", capsize=4)
        axes.set_xticks(places, [str(count) for count in table["clips_per_sign"]])
        axes.set(
            title=f"Learning curve\n95% intervals {over}",
            xlabel="training clips of each sign",
            ylabel="weighted F1 on held-out clips",
            ylim=(-0.03, 1.03),
        )
    return figure


def learning_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draws loss and accuracy over the epochs.

    Args:
        history: One value per epoch for `loss`, `acc`, `val_loss` and `val_acc`, whichever were
            measured; other names are ignored, and NaN leaves a gap.

    Raises:
        GislrError: None of the four was measured.
    """
    names = [n for n in _CURVES if len(history.get(n, ())) or len(history.get(f"val_{n}", ()))]
    if not names:
        raise GislrError(
            "Learning curves need loss, acc, val_loss or val_acc of an epoch; "
            f"got {', '.join(history) or 'nothing'}."
        )
    with canvas(5.5 * len(names), 3.8) as figure:
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            _curve(axes, history.get(name, ()), "training", colors(2)[0])
            _curve(axes, history.get(f"val_{name}", ()), "validation", colors(2)[1])
            _mark_best(axes, history.get(f"val_{name}", ()), name)
            axes.set(title=_CURVES[name][0], xlabel="epoch", ylabel=_CURVES[name][1])
            axes.xaxis.get_major_locator().set_params(
                integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]
            )
            axes.legend(frameon=True)
        figure.suptitle("Learning curves")
    return figure


def _curve(axes: Axes, values: Sequence[float], label: str, color: object) -> None:
    if len(values):
        epochs = np.arange(1, len(values) + 1)
        marker = "o" if len(values) <= 30 else None
        axes.plot(epochs, values, color=color, label=label, marker=marker, markersize=3)


def _mark_best(axes: Axes, values: Sequence[float], name: str) -> None:
    if np.isfinite(values).any():
        best = int(np.nanargmin(values) if lower_is_better(name) else np.nanargmax(values))
        label = f"best validation: {values[best]:.3f}, epoch {best + 1}"
        axes.plot(best + 1, values[best], "o", markersize=7, color=colors(2)[1], label=label)
