"""An interactive confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gislr.evaluation.metrics.confusion import row_fractions

if TYPE_CHECKING:
    import pandas as pd


def confusion_chart(matrix: pd.DataFrame) -> Any:
    """Returns a Plotly figure to zoom into; its cells show their signs and clips on hover.

    Args:
        matrix: A confusion matrix in the order of `confusion.sort_by_confusion`.
    """
    import plotly.express as px

    fractions = row_fractions(matrix.to_numpy())
    chart = px.imshow(
        np.sqrt(fractions),
        x=matrix.columns.astype(str),
        y=matrix.index.astype(str),
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
    titles = {"xaxis_title": "predicted sign", "yaxis_title": "true sign"}
    chart.update_layout(coloraxis_showscale=False, **titles)
    return chart
