"""Figures of calibration, of signers, of clips and of differences between models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.evaluation.figures.canvas import canvas, colors, count_of, short_name
from gislr.evaluation.metrics.calibration import calibration, top_k_accuracies
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.rejection import Rejection
from gislr.evaluation.metrics.tables import by_quantity, hand_fractions

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_NAMED_SIGNERS = 40
_FEW_CLIPS = 20
"""Shares of fewer clips mean little."""


def reliability_diagram(models: Mapping[str, ClipPredictions]) -> Figure:
    """Draws accuracy by confidence, and top-k accuracy.

    Args:
        models: Predictions of one or several models by name.
    """
    with canvas(9.5, 4.2) as figure:
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
        for (name, predictions), color in zip(models.items(), colors(len(models)), strict=True):
            found = calibration(predictions)
            label = f"{short_name(name)}: ECE {found.error:.3f}"
            sizes = 10 + 120 * found.clips / found.clips.max()
            left.plot(found.confidence, found.accuracy, color=color, linewidth=1)
            left.scatter(
                found.confidence, found.accuracy, s=sizes, color=color, alpha=0.8, label=label
            )
            accuracies = top_k_accuracies(predictions)
            ks = np.arange(1, len(accuracies) + 1)
            right.plot(ks, accuracies, "o-", color=color, markersize=3, label=short_name(name))
        left.set(
            title="Reliability (dot area: clips; dashed: perfect)",
            xlabel="confidence (probability of the predicted sign)",
            ylabel="accuracy",
            xlim=(0, 1.02),
            ylim=(0, 1.02),
        )
        right.xaxis.get_major_locator().set_params(integer=True)
        right.set(title="Top-k accuracy", xlabel="k", ylabel="top-k accuracy", ylim=(None, 1.01))
        left.legend(loc="lower right")
        if len(models) > 1:
            right.legend(loc="lower right")
    return figure


def risk_coverage_curves(rejection: Rejection) -> Figure:
    """Draws how wrong the most confident predictions are, by how many of the clips they are."""
    with canvas(6.0, 3.6) as figure:
        axes = figure.subplots()
        shades = colors(len(rejection.curves))
        for (name, (coverage, risk)), color in zip(rejection.curves.items(), shades, strict=True):
            many = slice(min(_FEW_CLIPS, len(risk)) - 1, None)
            axes.plot(coverage[many], risk[many], color=color, linewidth=1.5, label=name)
        kept = f"not sure below {rejection.threshold:.2f}"
        axes.plot(rejection.kept, rejection.error, "o", color=shades[0], label=kept)
        axes.set(
            title="Risk and coverage",
            xlabel="coverage: share of clips, the most confident first",
            ylabel="risk: share of wrong predictions among them",
            xlim=(0, 1.02),
            ylim=(0, None),
        )
        axes.legend(loc="upper left")
    return figure


def f1_by_clip(predictions: ClipPredictions, most_frames: int) -> Figure:
    """Draws F1 by clip length and by the fraction of frames in which a hand was found."""
    with canvas(9.5, 3.8) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        lengths = np.where(predictions.raw_frames > 0, predictions.raw_frames, predictions.frames)
        _bars(left, predictions, lengths.astype(np.float64), "frames of the clip")
        fractions = hand_fractions(predictions, most_frames)
        _bars(right, predictions, fractions, "fraction of frames with a hand")
        left.set(title="By clip length", ylabel="weighted F1", ylim=(0, 1))
        unknown = int(np.isnan(fractions).sum())
        note = f" (unknown for {count_of(unknown, 'clip')})" if unknown else ""
        right.set(title=f"By frames with a hand{note}")
    return figure


def _bars(
    axes: Axes, predictions: ClipPredictions, quantity: NDArray[np.float64], label: str
) -> None:
    table = by_quantity(predictions, quantity)
    bars = axes.bar(np.arange(len(table)), table["weighted_f1"], color=colors(1)[0], width=0.8)
    axes.bar_label(bars, table["clips"].astype(str), padding=1, fontsize=7)
    names = [
        f"{low:.3g}" if low == high else f"{low:.3g}-{high:.3g}"
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    axes.set_xticks(np.arange(len(table)), names, rotation=30, ha="right", fontsize=7)
    axes.set_xlabel(f"{label} (above the bars: clips)")
    axes.grid(visible=False, axis="x")


def accuracy_by_signer(table: pd.DataFrame) -> Figure:
    """Draws each signer's accuracy, the lowest first, and their median.

    Args:
        table: As by `tables.per_signer`.
    """
    names = [short_name(name, 12) for name in table["signer"]]
    with canvas(max(6.0, min(14.0, 0.25 * len(table) + 2)), 3.6) as figure:
        axes = figure.subplots()
        positions = np.arange(len(table))
        sizes = 15 + 150 * table["clips"] / table["clips"].max()
        axes.scatter(positions, table["accuracy"], s=sizes, color=colors(1)[0], alpha=0.8)
        median = table["accuracy"].median()
        axes.axhline(median, color="0.4", linewidth=1, linestyle="--")
        if len(table) <= _MOST_NAMED_SIGNERS:
            axes.set_xticks(positions, names, rotation=60, ha="right", fontsize=7)
        else:
            axes.set_xticks([])
        axes.set(
            title=f"Accuracy of {count_of(len(table), 'signer')} (dot area: clips; dashed: median "
            f"{median:.2f})",
            ylabel="accuracy",
            xlabel="signer",
            ylim=(-0.03, 1.03),
        )
        axes.grid(visible=False, axis="x")
    return figure


def f1_differences(difference: pd.Series[float], title: str, most: int = 20) -> Figure:
    """Draws by how much the F1 of each sign differs between two models.

    Args:
        difference: As by `comparison.per_class_difference`.
        title: The models' names.
        most: How many signs of each end are drawn.
    """
    shown = difference
    if len(difference) > 2 * most:
        shown = difference.iloc[[*range(most), *range(-most, 0)]]
    better, worse = int((difference > 0).sum()), int((difference < 0).sum())
    with canvas(7.0, 1.2 + 0.2 * len(shown)) as figure:
        axes = figure.subplots()
        blue, orange = colors(2)
        axes.barh(np.arange(len(shown)), shown, color=[blue if v >= 0 else orange for v in shown])
        signs = [short_name(sign) for sign in shown.index]
        axes.set_yticks(np.arange(len(shown)), signs, fontsize=7)
        axes.axvline(0, color="0.3", linewidth=1)
        title = f"{short_name(title, 60)}: {count_of(better, 'sign')} better, {worse} worse"
        axes.set(title=title, xlabel="difference of F1")
        axes.grid(visible=False, axis="y")
    return figure
