"""Pictures of when a model can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gislr.evaluation.figures.canvas import canvas, colors, count_of, short_name
from gislr.evaluation.metrics.calibration import by_quantity, calibration, hand_shares, top_k
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.reports.tables import per_sign, per_signer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED_SIGNERS = 40


def reliability(models: Mapping[str, ClipPredictions]) -> Figure:
    """Draws how often predictions of each confidence are right, and top-k accuracies.

    Args:
        models: One or several models' predictions by name.
    """
    with canvas(9.5, 4.2) as figure:
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
        shades = colors(len(models))
        for (name, predictions), color in zip(models.items(), shades, strict=True):
            found = calibration(predictions)
            sizes = 10 + 120 * found.clips / found.clips.max()
            left.plot(found.confidence, found.accuracy, color=color, linewidth=1)
            left.scatter(
                found.confidence,
                found.accuracy,
                s=sizes,
                color=color,
                alpha=0.8,
                label=f"{short_name(name)}: error {found.error:.3f}",
            )
            shares = top_k(predictions)
            ks = np.arange(1, len(shares) + 1)
            right.plot(ks, shares, color=color, marker="o", markersize=3, label=short_name(name))
        left.set(
            title="Reliability (dots: clips; dashed: perfect)",
            xlabel="probability of the predicted sign",
            ylabel="share that is right",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        right.xaxis.get_major_locator().set_params(integer=True)
        right.set(title="Among the first k", xlabel="k", ylabel="share of clips", ylim=(None, 1.01))
        left.legend(loc="lower right")
        if len(models) > 1:
            right.legend(loc="lower right")
    return figure


def hardness(predictions: ClipPredictions, most_frames: int) -> Figure:
    """Draws F1 against clip length and against the share of frames in which a hand was found."""
    with canvas(9.5, 3.8) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        lengths = np.where(predictions.raw_frames > 0, predictions.raw_frames, predictions.frames)
        _groups(left, predictions, lengths.astype(np.float64), "frames of the clip")
        shares = hand_shares(predictions, most_frames)
        _groups(right, predictions, shares, "share of frames with a hand")
        left.set(title="By length", ylabel="weighted F1", ylim=(0, 1))
        without = int(np.isnan(shares).sum())
        note = f" ({count_of(without, 'clip')} not known)" if without else ""
        right.set(title=f"By frames with a hand{note}")
    return figure


def _groups(
    axes: Axes,
    predictions: ClipPredictions,
    quantity: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    label: str,
) -> None:
    table = by_quantity(predictions, quantity)
    places = np.arange(len(table))
    axes.bar(places, table["weighted_f1"], color=colors(1)[0], width=0.8)
    for place, (f1, clips) in enumerate(zip(table["weighted_f1"], table["clips"], strict=True)):
        axes.text(place, f1 + 0.01, f"{clips}", ha="center", fontsize=7)
    names = [
        f"{low:.3g}" if low == high else f"{low:.3g}-{high:.3g}"
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    axes.set_xticks(places, names, rotation=30, ha="right", fontsize=7)
    axes.set_xlabel(f"{label} (on the bars: clips)")
    axes.grid(visible=False, axis="x")


def signer_spread(predictions: ClipPredictions) -> Figure:
    """Draws each signer's accuracy, the worst first, and the middle of them."""
    table = per_signer(predictions.labels, predictions.probabilities, predictions.signers)
    few = len(table) <= _NAMED_SIGNERS
    with canvas(max(6.0, min(14.0, 0.25 * len(table) + 2)), 3.6) as figure:
        axes = figure.subplots()
        places = np.arange(len(table))
        sizes = 15 + 150 * table["clips"] / table["clips"].max()
        axes.scatter(places, table["accuracy"], s=sizes, color=colors(1)[0], alpha=0.8)
        middle = table["accuracy"].median()
        axes.axhline(middle, color="0.4", linewidth=1, linestyle="--")
        axes.set_xticks(
            places if few else [],
            [short_name(name, 12) for name in table["signer"]] if few else [],
            rotation=60,
            ha="right",
            fontsize=7,
        )
        axes.set(
            title=f"Accuracy of {count_of(len(table), 'signer')} (dots: clips; dashed: median "
            f"{middle:.2f})",
            ylabel="accuracy",
            xlabel="signer",
            ylim=(-0.03, 1.03),
        )
        axes.grid(visible=False, axis="x")
    return figure


def _f1_by_sign(predictions: ClipPredictions) -> pd.Series[float]:
    table = per_sign(predictions.labels, predictions.probabilities, predictions.signs)
    return table.set_index("sign")["f1"]


def gains(
    first: Sequence[ClipPredictions],
    second: Sequence[ClipPredictions],
    names: tuple[str, str],
    most: int = 20,
) -> Figure:
    """Draws which signs a model recognizes better and which worse than another.

    Args:
        first: Predictions of some clips by one or several seeds; each F1 is a mean over them.
        second: Another model's predictions of the same clips.
        names: What the models are called.
        most: How many gains, and how many losses, are shown.
    """
    f1 = [sum(_f1_by_sign(seed) for seed in seeds) / len(seeds) for seeds in (first, second)]
    change = (f1[1] - f1[0]).dropna().sort_values()
    shown = change if len(change) <= 2 * most else change.iloc[[*range(most), *range(-most, 0)]]
    with canvas(7.0, 1.2 + 0.2 * len(shown)) as figure:
        axes = figure.subplots()
        places = np.arange(len(shown))
        blue, orange = colors(2)
        axes.barh(places, shown, color=[blue if v >= 0 else orange for v in shown])
        axes.set_yticks(places, [short_name(s) for s in shown.index], fontsize=7, parse_math=False)
        axes.axvline(0, color="0.3", linewidth=1)
        better, worse = int((change > 0).sum()), int((change < 0).sum())
        axes.set(
            title=f"{short_name(names[1])} against {short_name(names[0])}: "
            f"{count_of(better, 'sign')} better, {worse} worse",
            xlabel="change of F1",
        )
        axes.grid(visible=False, axis="y")
    return figure
