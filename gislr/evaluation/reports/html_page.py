"""Self-contained HTML pages: text, tables, figures and interactive charts in one file."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
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
{% for figure in section.figures %}<p><img src="data:image/png;base64,{{ figure }}" alt="{{
section.title }}"></p>{% endfor %}
{% for chart in section.charts %}<div class="wide">{{ chart }}</div>{% endfor %}
{% for table in section.tables %}<div class="scroll"><table><tr>
{%- for name in table.columns %}<th>{{ name }}</th>{% endfor %}</tr>
{%- for row in table.rows %}<tr>{% for cell in row %}<td{% if cell.number %} class="number"
{%- endif %}>{{ cell.text }}</td>{% endfor %}</tr>{% endfor %}</table></div>{% endfor %}
{% endfor %}
</body></html>
"""


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Attributes:
        title: Its heading.
        text: A sentence below it.
        figures: Matplotlib figures, or PNG.
        charts: Plotly figures.
        tables: Data frames.
    """

    title: str
    text: str = ""
    figures: Sequence[Figure | bytes] = ()
    charts: Sequence[Any] = ()
    tables: Sequence[pd.DataFrame] = ()


def page(title: str, lead: str, sections: Iterable[Section]) -> str:
    """Returns a page; all text is escaped.

    Args:
        title: Its heading.
        lead: A sentence below it.
        sections: Its sections.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    has_library = False
    rendered = []
    for section in sections:
        charts = []
        for chart in section.charts:
            # Plotly escapes its JSON; the library itself weighs 5 MB and is included once.
            html = chart.to_html(full_html=False, include_plotlyjs=not has_library)
            charts.append(Markup(html))
            has_library = True
        rendered.append(
            {
                "title": section.title,
                "text": section.text,
                "figures": [base64.b64encode(png(each)).decode() for each in section.figures],
                "charts": charts,
                "tables": [_table(table) for table in section.tables],
            }
        )
    template = Environment(autoescape=True).from_string(_TEMPLATE)
    return template.render(title=title, lead=lead, sections=rendered)


def png(figure: Figure | bytes) -> bytes:
    """Returns a figure as PNG; PNG stays as it is."""
    if isinstance(figure, bytes):
        return figure
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _table(table: pd.DataFrame) -> dict[str, Any]:
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return {"columns": list(table.columns), "rows": rows}


def _cell(value: Any) -> dict[str, Any]:
    if isinstance(value, float):
        return {"text": "" if math.isnan(value) else f"{value:.4g}", "number": True}
    return {"text": str(value), "number": isinstance(value, int)}
