"""The page about reports: its commands can be typed, and it names every format and part."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from coderl_env.cli import app
from coderl_env.experiment.predictions import PREDICTION_FORMATS
from coderl_env.experiment.reports.contents import make_report
from coderl_env.experiment.sources import open_source


@pytest.fixture(scope="module")
def text(project_root: Path) -> str:
    return (project_root / "docs" / "reports.md").read_text(encoding="utf-8")


def test_the_commands_can_be_typed(text: str) -> None:
    lines = re.findall(r"^    (coderl .*)$", text, re.MULTILINE)
    assert len(lines) >= 3
    for line in lines:
        name, *arguments = shlex.split(line)[1:]
        command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
        assert command.make_context("coderl", arguments) is not None


def test_formats_and_parts_are_described(text: str, sweep_folder: Path) -> None:
    assert [name for name in PREDICTION_FORMATS if f"| `{name}` |" not in text] == []
    described = set(re.findall(r"^\| ([^|`]+) \|", text, re.MULTILINE))
    with open_source(sweep_folder) as source:
        report = make_report(source)
    titles = {section.title for section in report.sections if not section.title.startswith("CodeRL-")}
    titles |= {grid.title.partition(":")[0] for section in report.sections for grid in section.grids}
    titles -= {"", "How the figures are made", "Over all environments", "Provenance", "Settings"}
    assert {title for title in titles if not title.endswith("by difficulty")} - described == set()
