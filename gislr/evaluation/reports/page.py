"""Pages of text, tables, figures and interactive charts, as HTML or Markdown."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gislr.utils import markdown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">{{ policy }}<title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em;
       color: #222; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; }
table { border-collapse: collapse; font-size: 13px; }
td, th { padding: 3px 10px; border-bottom: 1px solid #ddd; text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
th { position: sticky; top: 0; background: #fff; }
.scroll { max-height: 420px; overflow: auto; border: 1px solid #ddd; width: fit-content; }
img { max-width: 100%; } .wide { overflow-x: auto; } .note { color: #666; }
nav a { margin-right: 1em; }
</style></head><body>
<h1>{{ title }}</h1>
{% if lead %}<p>{{ lead }}</p>{% endif %}
<nav>{% for section in sections %}<a href="#s{{ loop.index }}">{{ section.title }}</a>{% endfor %}
</nav>
{% for section in sections %}
<h2 id="s{{ loop.index }}">{{ section.title }}</h2>
{% if section.text %}<p class="note">{{ section.text }}</p>{% endif %}
{% for figure in section.figures %}<p><img src="data:image/png;base64,{{ figure | png }}"
alt="{{ section.title }}"></p>{% endfor %}
{% for chart in section.charts %}<div class="wide">{{ chart | chart }}</div>{% endfor %}
{% for table in section.tables %}{% if table.empty %}<p>none</p>{% else %}
<div class="scroll"><table><tr>
{%- for name in table.columns %}<th>{{ name }}</th>{% endfor %}</tr>
{%- for row in table.itertuples(index=False) %}<tr>{% for value in row %}<td{% if value is number %}
class="number"{% endif %}>{{ value | cell }}</td>{% endfor %}</tr>{% endfor %}</table></div>
{% endif %}{% endfor %}
{% endfor %}
</body></html>
"""


POLICY = (
    """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; """
    """style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:">"""
)
"""Of pages that hold all that they show: they ask no address for anything."""


@dataclass(frozen=True)
class Section:
    """A section of a page: a heading, a sentence below it, figures, Plotly charts and tables."""

    title: str
    text: str = ""
    figures: Sequence[Figure | bytes] = ()
    charts: Sequence[Any] = ()
    tables: Sequence[pd.DataFrame] = ()


@dataclass(frozen=True)
class Page:
    """A page: a heading, a sentence below it, and sections."""

    title: str
    lead: str
    sections: Sequence[Section]

    def html(self) -> str:
        """Returns the page as self-contained HTML, all text escaped."""
        from jinja2 import Environment
        from markupsafe import Markup

        has_library = False

        def chart_html(chart: Any) -> Markup:
            # Plotly escapes its JSON; the library itself weighs 5 MB and is included once.
            nonlocal has_library
            included, has_library = not has_library, True
            return Markup(chart.to_html(full_html=False, include_plotlyjs=included))

        environment = Environment(autoescape=True)
        environment.filters |= {"chart": chart_html, "png": _base64, "cell": _cell}
        return environment.from_string(_TEMPLATE).render(vars(self), policy=Markup(POLICY))

    def markdown(self) -> str:
        """Returns headings, texts and tables as Markdown."""
        plain = markdown.plain
        parts = [f"# {plain(self.title)}", plain(self.lead)]
        for section in self.sections:
            if section.tables:
                parts += [f"## {plain(section.title)}", plain(section.text)]
                parts += map(_markdown, section.tables)
        return "\n\n".join(part for part in parts if part) + "\n"


def png(figure: Figure | bytes) -> bytes:
    """Returns a figure as PNG; PNG stays as it is."""
    if isinstance(figure, bytes):
        return figure
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _base64(figure: Figure | bytes) -> str:
    return base64.b64encode(png(figure)).decode()


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def _markdown(table: pd.DataFrame) -> str:
    if table.empty:
        return "none"
    rows = (map(markdown.plain, row) for row in table.itertuples(index=False))
    return markdown.table(list(map(markdown.plain, table.columns)), rows)
