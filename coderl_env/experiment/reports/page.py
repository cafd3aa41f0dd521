"""A report as one page of HTML that needs nothing else: style and charts are in it, and no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from coderl_env.experiment.reports.charts import can_draw, chart_svg
from coderl_env.experiment.reports.contents import Listing, Report, Section
from coderl_env.experiment.reports.curves import CurveChart
from coderl_env.experiment.reports.grids import Grid
from coderl_env.experiment.reports.markdown import why_not_drawn
from coderl_env.experiment.reports.style import STYLE

__all__ = ["report_page"]


def report_page(report: Report) -> str:
    """Return a report as HTML. All that comes from programs, problems and settings is escaped."""
    anchors = [f"section-{number}" for number in range(len(report.sections))]
    links = "".join(
        f'<li><a href="#{anchor}">{escape(section.title)}</a></li>'
        for anchor, section in zip(anchors, report.sections, strict=True)
    )
    facts = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in report.facts)
    sections = "\n".join(_section(section, anchor) for anchor, section in zip(anchors, report.sections, strict=True))
    title = escape(report.title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header><h1>{title}</h1><dl class="facts">{facts}</dl><nav><ul>{links}</ul></nav></header>
<main>
{sections}
</main>
</body>
</html>
"""


def _section(section: Section, anchor: str) -> str:
    parts = [f'<section id="{anchor}"><h2>{escape(section.title)}</h2>']
    charts = [_chart(chart, f"{anchor}-chart-{number}") for number, chart in enumerate(section.charts)]
    grids = [_grid(grid) for grid in section.grids]
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs]
    # The first table is the result; the curves come next.
    parts += [*grids[:1], *charts, *grids[1:]]
    parts += [_listing(listing) for listing in section.listings]
    return "\n".join([*parts, "</section>"])


def _grid(grid: Grid) -> str:
    heading = f"<h3>{escape(grid.title)}</h3>" if grid.title else ""
    note = f'<p class="note">{escape(grid.note)}</p>' if grid.note else ""
    # Tables of facts read as text; tables of figures line up at the right.
    kind = "words" if len(grid.columns) == 2 else "figures"
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in grid.columns)
    body = "\n".join(
        _row(row, begins=number > 0 and _owner(row) != _owner(grid.rows[number - 1]))
        for number, row in enumerate(grid.rows)
    )
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>'
    return f'{heading}{note}<div class="wide">{table}</div>'


def _owner(row: Sequence[str]) -> str:
    """Return whose row it is: labels are `agent: row`."""
    return row[0].rpartition(": ")[0]


def _row(cells: Sequence[str], *, begins: bool) -> str:
    label, *values = cells
    kind = ' class="begins"' if begins else ""
    return (
        f'<tr{kind}><th scope="row">{escape(label)}</th>{"".join(f"<td>{_value(value)}</td>" for value in values)}</tr>'
    )


def _value(text: str) -> str:
    """Return a cell; the interval of a figure is set smaller than the figure."""
    figure, bracket, interval = text.partition(" [")
    if bracket and interval.endswith("]"):
        return f'{escape(figure)} <span class="interval">[{escape(interval)}</span>'
    return escape(text)


def _chart(chart: CurveChart, name: str) -> str:
    drawn = chart_svg(chart, name) if can_draw() else f"<p>{escape(why_not_drawn())}</p>"
    label = escape(f"{chart.title}: {chart.y_label}", quote=True)
    caption = f"<figcaption>{escape(chart.note)}</figcaption>"
    return f'<h3>{escape(chart.title)}</h3><figure role="img" aria-label="{label}">{drawn}{caption}</figure>'


def _listing(listing: Listing) -> str:
    summary = f'<summary>{escape(listing.title)}<span class="facts-line">{escape(listing.facts)}</span></summary>'
    return f"<details>{summary}<pre><code>{escape(listing.program)}</code></pre></details>"
