"""Optuna's own pictures of a study, still and interactive."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

_ONE = {
    "history": "plot_optimization_history",
    "importances": "plot_param_importances",
    "slices": "plot_slice",
    "parallel_coordinates": "plot_parallel_coordinate",
    "intermediate_values": "plot_intermediate_values",
    "timeline": "plot_timeline",
}
_SEVERAL = {"pareto_front": "plot_pareto_front", "timeline": "plot_timeline"}

_WIDTH, _HEIGHT = 12, 6


def write_pictures(study: optuna.Study, folder: Path, names: Sequence[str]) -> list[str]:
    """Writes each picture as PNG, and all of them as one interactive page that needs no network.

    Pictures that a study is too small for, such as the importances of a single trial, are left out.

    Args:
        study: A study with at least one complete trial.
        folder: Where to.
        names: What the values are, one for each direction.

    Returns:
        The names of the pictures written.
    """
    import optuna

    written: list[str] = []
    page: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the matplotlib pictures are experimental
        for name, function in (_SEVERAL if len(names) > 1 else _ONE).items():
            options = _options(name, names)
            interactive = _tried(getattr(optuna.visualization, function), study, options)
            still = _tried(getattr(optuna.visualization.matplotlib, function), study, options)
            if interactive is None or still is None:
                continue
            # One page, since the library for them weighs 5 MB.
            page.append(interactive.to_html(full_html=False, include_plotlyjs=not page))
            for figure in _figures(still):
                figure.set_size_inches(_WIDTH, max(_HEIGHT, figure.get_size_inches()[1]))
                figure.savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight")
            written.append(name)
    title = html.escape(study.study_name)
    (folder / "study.html").write_text(
        f'<!doctype html><html><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1>{''.join(page)}</body></html>",
        encoding="utf-8",
    )
    return written


def _options(name: str, names: Sequence[str]) -> dict[str, Any]:
    if name in ("intermediate_values", "timeline"):
        return {}
    if name == "pareto_front":
        return {"target_names": list(names)} if len(names) <= 3 else {}
    return {"target_name": names[0]}


def _tried(draw: Callable[..., Any], study: optuna.Study, options: dict[str, Any]) -> Any:
    try:
        return draw(study, **options)
    except (ValueError, RuntimeError, ZeroDivisionError):
        return None


def _figures(drawn: Any) -> Iterator[Any]:
    import numpy as np
    from matplotlib import pyplot

    yield np.ravel(np.asarray(drawn, dtype=object))[0].figure
    pyplot.close("all")
