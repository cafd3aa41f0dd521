"""`coderl report`: tables and a page of a run, a sweep, evaluated predictions or a rejudging."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coderl_env.cli.options import JsonOption
from coderl_env.cli.terminal import emit_json, emit_table, say
from coderl_env.experiment.report import screen_table
from coderl_env.experiment.reports.contents import Report, make_report
from coderl_env.experiment.reports.writing import write_report_files
from coderl_env.experiment.sources import open_source

__all__ = ["report_command"]


def report_command(
    folder: Annotated[Path, typer.Argument(help="Folder of a run, a sweep, evaluated predictions or a rejudging.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the report is written.", show_default="into that folder")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstraps.")] = 0,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", help="Agent that all others are compared with; may be repeated.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write report.md and report.html, a page that needs nothing else, and print the tables of results.

    Example: coderl report runs/first
    """
    with open_source(folder) as source:
        report = make_report(source, seed, against or ())
    markdown, page = write_report_files(report, out or folder)
    if as_json:
        emit_json({"markdown": str(markdown), "page": str(page), "tables": _tables(report)})
        return
    for section in report.sections:
        for grid in section.grids:
            # Where it comes from, and the parts by difficulty, are for the files.
            if len(grid.columns) > 2 and not grid.title.endswith("by difficulty"):
                emit_table(screen_table(grid))
    say(f"report: {markdown} and {page}")


def _tables(report: Report) -> list[dict[str, object]]:
    return [
        {"section": section.title, "title": grid.title, "note": grid.note, "columns": grid.columns, "rows": grid.rows}
        for section in report.sections
        for grid in section.grids
    ]
