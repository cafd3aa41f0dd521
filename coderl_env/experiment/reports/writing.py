"""Writing a report: `report.md` with its pictures, and `report.html`, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from coderl_env.experiment.reports.charts import can_draw, chart_png
from coderl_env.experiment.reports.contents import Report
from coderl_env.experiment.reports.markdown import report_markdown
from coderl_env.experiment.reports.page import report_page
from coderl_env.experiment.run_folder import write_whole

__all__ = ["MARKDOWN_NAME", "PAGE_NAME", "write_report_files"]

MARKDOWN_NAME = "report.md"
PAGE_NAME = "report.html"


def write_report_files(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write a report into a folder, and return the paths of its Markdown and of its page.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    charts = [chart for section in report.sections for chart in section.charts]
    pictures: dict[int, str] = {}
    if can_draw():
        for number, chart in enumerate(charts):
            pictures[number] = "learning_curve.png" if number == 0 else f"learning_curve_{number + 1}.png"
            write_whole(folder / pictures[number], chart_png(chart))
    markdown, page = folder / MARKDOWN_NAME, folder / PAGE_NAME
    write_whole(markdown, report_markdown(report, pictures).encode("utf-8", "backslashreplace"))
    write_whole(page, report_page(report).encode("utf-8", "backslashreplace"))
    return markdown, page
