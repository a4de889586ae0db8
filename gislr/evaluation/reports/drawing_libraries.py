"""What evaluations are drawn with: the process that draws them imports it ahead."""

import jinja2  # noqa: F401
import plotly.express  # noqa: F401
import sklearn.metrics  # noqa: F401

import gislr.evaluation.reports.run_report  # noqa: F401
from gislr.evaluation.figures.canvas import canvas
from gislr.evaluation.reports.page import png

with canvas(1, 1) as _figure:
    _figure.subplots().set_title("loads fonts and styles")
png(_figure)
