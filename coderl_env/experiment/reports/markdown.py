"""A report as Markdown: tables, and pictures that lie beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from coderl_env.experiment.reports.charts import can_draw
from coderl_env.experiment.reports.contents import Listing, Report
from coderl_env.experiment.reports.grids import Grid, markdown_cell, markdown_table

__all__ = ["report_markdown", "why_not_drawn"]


def report_markdown(report: Report, pictures: Mapping[int, str]) -> str:
    """Return a report as Markdown.

    Args:
        report: the report.
        pictures: file name of the picture of each chart, by its number in the report; those missing were not drawn.
    """
    facts = "\n".join(f"- {name}: {markdown_cell(value)}" for name, value in report.facts)
    parts = [f"# {markdown_cell(report.title)}", facts]
    number = 0
    for section in report.sections:
        parts.append(f"## {markdown_cell(section.title)}")
        parts += section.paragraphs
        parts += [_grid(grid) for grid in section.grids]
        for chart in section.charts:
            drawn = f"![{chart.title}]({pictures[number]})" if number in pictures else why_not_drawn()
            parts.append(f"### {chart.title}\n\n{drawn}\n\n{chart.note}")
            number += 1
        parts += [_listing(listing) for listing in section.listings]
    return "\n\n".join(parts) + "\n"


def why_not_drawn() -> str:
    """Return why a chart is missing, and the remedy."""
    if not can_draw():
        return "Not drawn: matplotlib is not installed; `pip install 'coderl-env[agents]'` brings it."
    return "Not drawn."


def _grid(grid: Grid) -> str:
    heading = f"### {grid.title}\n\n" if grid.title else ""
    note = f"{grid.note}\n\n" if grid.note else ""
    return f"{heading}{note}{markdown_table(grid)}"


def _listing(listing: Listing) -> str:
    # A fence longer than any in the program, which could otherwise end it.
    longest = max((len(run) for run in re.findall(r"`+", listing.program)), default=0)
    fence = "`" * max(3, longest + 1)
    title = f"### {markdown_cell(listing.title)}\n\n{markdown_cell(listing.facts)}"
    return f"{title}\n\n{fence}python\n{listing.program}\n{fence}"
