"""A problem and a runner of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from coderl_env.cli import main
from coderl_env.problem import Problem, StdioCase

DOUBLE = Problem(
    id="test/double",
    statement="Read n and print 2n.",
    tests=(StdioCase("2\n", "4\n"), StdioCase("5\n", "10\n")),
    solutions=("print(2 * int(input()))\n",),
)


@dataclass(frozen=True, slots=True)
class Run:
    """What a command left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str


@pytest.fixture
def coderl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Run the command line in this process, with wide tables."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Run:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Run(status, captured.out, captured.err)

    return run


@pytest.fixture
def problem_file(tmp_path: Path) -> Path:
    """A problem as JSON."""
    file = tmp_path / "problem.json"
    file.write_text(json.dumps(DOUBLE.to_dict()))
    return file


@pytest.fixture
def program_file(tmp_path: Path) -> Path:
    """A program that solves it."""
    file = tmp_path / "program.py"
    file.write_text(DOUBLE.solutions[0])
    return file
