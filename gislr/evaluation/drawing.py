"""What every figure shares: its style, its canvas and how the names of signs are written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 120
_LONGEST_NAME = 22


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """Yields an empty figure; the style applies inside the block and nowhere else.

    The figure belongs to no pyplot window, so it needs no display and no closing.

    Args:
        width: In inches.
        height: In inches.
    """
    import seaborn
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {
        **seaborn.axes_style("whitegrid"),
        **seaborn.plotting_context("paper"),
        "axes.prop_cycle": _cycle(),
        "axes.titlelocation": "left",
        "axes.edgecolor": "0.75",
        "figure.titlesize": 12,
        "figure.titleweight": "bold",
        "font.family": ["sans-serif"],
    }
    with rc_context(style):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        # Ticks are made when first asked for and take the style of that moment.
        for axes in figure.axes:
            axes.xaxis.get_major_ticks()
            axes.yaxis.get_major_ticks()


def colours(count: int) -> list[tuple[float, float, float]]:
    """Returns colours that colour-blind people can tell apart."""
    import seaborn

    return list(seaborn.color_palette("colorblind", count))


def short_name(name: str, longest: int = _LONGEST_NAME) -> str:
    """Returns a sign's name on one line, its end cut off where it is very long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(name)).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def confusion_order(counts: NDArray[np.int64]) -> NDArray[np.int64]:
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
    shares = row_shares(counts)
    distance = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distance, 0)
    # The best order of the branches takes cubic time.
    few = len(counts) <= 500
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=few)
    return np.asarray(leaves_list(tree), np.int64)


def row_shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns each row divided by its sum, float64; a row of zeros stays one."""
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def _cycle() -> object:
    from cycler import cycler

    return cycler(color=colours(8))
