"""What all figures share: style, canvas, colors and short names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_CHARACTERS = 22


@contextmanager
def canvas(width: float, height: float, dots_per_inch: int = 120) -> Iterator[Figure]:
    """Yields an empty figure; the style applies inside the block and nowhere else.

    The figure belongs to no pyplot window, so it needs no display and no closing.

    Args:
        width: In inches.
        height: In inches.
        dots_per_inch: Resolution of the saved image.
    """
    import seaborn
    from cycler import cycler
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {
        **seaborn.axes_style("whitegrid"),
        **seaborn.plotting_context("paper"),
        "axes.prop_cycle": cycler(color=colors(8)),
        "axes.titlelocation": "left",
        "axes.edgecolor": "0.75",
        "figure.constrained_layout.w_pad": 0.1,
        "figure.titlesize": 12,
        "figure.titleweight": "bold",
        "font.family": ["sans-serif"],
        "text.parse_math": False,  # names of signs and files may hold dollars
    }
    with rc_context(style):
        figure = Figure(figsize=(width, height), dpi=dots_per_inch, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        # Ticks are made when first asked for and take the style of that moment.
        for axes in figure.axes:
            axes.xaxis.get_major_ticks()
            axes.yaxis.get_major_ticks()


def colors(count: int) -> list[tuple[float, float, float]]:
    """Returns colors that are distinct for color-blind people, too."""
    import seaborn

    return list(seaborn.color_palette("colorblind", count))


def short_name(name: str, longest: int = _MOST_CHARACTERS) -> str:
    """Returns a name on one line, shortened if it is very long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(name)).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def count_of(number: int, noun: str) -> str:
    """Returns a number and a noun, `1 sign` or `2 signs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
