"""Optuna's plots of a study, as images and as one interactive page."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.optuna_sweeper._importances import draw_importances

if TYPE_CHECKING:
    import optuna

_POLICY = (
    """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; """
    """style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:">"""
)
_WIDTH, _HEIGHT = 12, 6

_Draw = Callable[..., tuple[Any, Any]]


def write_plots(study: optuna.Study, folder: Path, names: Sequence[str]) -> list[str]:
    """Writes each plot as PNG, and all of them as one interactive page that needs no network.

    Plots that a study is too small for, such as the importances of a single trial, are left out.

    Args:
        study: A study with at least one complete trial.
        folder: Where to.
        names: The objectives' names, one for each direction.

    Returns:
        The names of the plots.
    """
    import numpy as np
    from matplotlib import pyplot

    written: list[str] = []
    page: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's matplotlib plots are experimental
        for name, draw, options in _plots(names):
            try:
                interactive, axes = draw(study, **options)
            except (ValueError, RuntimeError, ZeroDivisionError):
                continue
            # All plots share one page, since plotly.js weighs 5 MB.
            page.append(interactive.to_html(full_html=False, include_plotlyjs=not page))
            figure = np.ravel(np.asarray(axes, dtype=object))[0].figure
            figure.set_size_inches(_WIDTH, max(_HEIGHT, figure.get_size_inches()[1]))
            figure.savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight")
            pyplot.close("all")
            written.append(name)
    title = html.escape(study.study_name)
    (folder / "study.html").write_text(
        f'<!doctype html><html><head><meta charset="utf-8">{_POLICY}<title>{title}</title></head>'
        f"<body><h1>{title}</h1>{''.join(page)}</body></html>",
        encoding="utf-8",
    )
    return written


def _optuna(function: str) -> _Draw:
    """Returns what draws a plot of Optuna: Plotly's figure and Matplotlib's axes."""

    def draw(study: optuna.Study, **options: Any) -> tuple[Any, Any]:
        from optuna import visualization

        plots = (visualization, visualization.matplotlib)
        interactive, axes = (getattr(each, function)(study, **options) for each in plots)
        return interactive, axes

    return draw


def _plots(names: Sequence[str]) -> list[tuple[str, _Draw, dict[str, Any]]]:
    """Returns each plot's name, the function that draws it and the function's options."""
    if len(names) > 1:
        labels = {"target_names": list(names)} if len(names) <= 3 else {}
        return [
            ("pareto_front", _optuna("plot_pareto_front"), labels),
            ("timeline", _optuna("plot_timeline"), {}),
        ]
    label = {"target_name": names[0]}
    return [
        ("history", _optuna("plot_optimization_history"), label),
        ("importances", draw_importances, label),
        ("slices", _optuna("plot_slice"), label),
        ("parallel_coordinates", _optuna("plot_parallel_coordinate"), label),
        ("intermediate_values", _optuna("plot_intermediate_values"), {}),
        ("timeline", _optuna("plot_timeline"), {}),
    ]
