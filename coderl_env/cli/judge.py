"""`coderl judge`: judge one program."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from coderl_env.cli.options import IsolationOption, JsonOption, RayOption, judge_maker
from coderl_env.cli.terminal import emit_json, emit_table, printable
from coderl_env.datasets.formats import problem_from_row
from coderl_env.datasets.rows import Row, parse_json, read_text
from coderl_env.naming import unknown_name
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem

__all__ = ["judge_command", "read_problem", "read_program"]


def judge_command(
    problem: Annotated[Path, typer.Option("--problem", help="JSON file of the problem; - reads standard input.")],
    program: Annotated[Path, typer.Option("--program", help="File of the program; - reads standard input.")],
    problem_id: Annotated[str | None, typer.Option("--id", help="Which problem of a file of several.")] = None,
    comparator: Annotated[
        str, typer.Option("--comparator", help="How output is compared: lines, exact, tokens, floats or apps.")
    ] = "lines",
    isolation: IsolationOption = "auto",
    ray: RayOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a program: run its problem's tests in a sandbox and print what became of each.

    The problem is a JSON object as `coderl datasets show --json` prints it, or a row of APPS, MBPP, HumanEval or
    plain JSON Lines. The exit status is 0 whatever the outcome, and 2 where the input cannot be used.

    Example: coderl judge --problem problem.json --program solution.py --json
    """
    if str(problem) == "-" == str(program):
        raise ValueError("--problem and --program cannot both be standard input; name a file for one of them")
    task = read_problem(problem, problem_id)
    text = read_program(program)
    with judge_maker(ray)(workers=1, comparator=comparator, isolation=isolation) as judge:
        judgement = judge.judge(text, task)
    if as_json:
        emit_json(judgement.to_dict())
    else:
        emit_table(judgement_table(task, judgement))


def read_problem(path: Path, problem_id: str | None = None) -> Problem:
    """Read a problem from a JSON or JSON Lines file; `-` is standard input.

    Raises:
        ValueError: there is no problem in it, or more than one and `problem_id` does not say which.
    """
    if str(path) == "-":
        rows = _rows(_decode(sys.stdin.buffer.read(), "standard input"), "standard input")
    elif not path.is_file():
        raise ValueError(f"there is no problem file {path}; check the path")
    else:
        rows = _rows(read_text(path), str(path))
    problems = [problem_from_row(row) for row in rows]
    if not problems:
        raise ValueError(f"{path} is empty; write a problem into it, as `coderl datasets show --json` prints it")
    if problem_id is not None:
        found = [problem for problem in problems if problem.id == problem_id]
        if not found:
            raise ValueError(unknown_name(f"problem of {path}", problem_id, [problem.id for problem in problems]))
        return found[0]
    if len(problems) > 1:
        raise ValueError(f"{path} holds {len(problems)} problems; say which with --id, such as --id {problems[0].id}")
    return problems[0]


def read_program(path: Path) -> str:
    """Read a program; `-` is standard input. Bytes that are no UTF-8 are kept as surrogates: they are for the judge.

    Raises:
        ValueError: there is no such file.
    """
    if str(path) == "-":
        data = sys.stdin.buffer.read()
    elif not path.is_file():
        raise ValueError(f"there is no program file {path}; check the path")
    else:
        data = path.read_bytes()
    return data.decode("utf-8-sig", "surrogateescape")


def judgement_table(problem: Problem, judgement: Judgement) -> Table:
    """Return a table of the verdicts of all tests."""
    accepted = round(judgement.pass_fraction * len(judgement.cases))
    outcome = judgement.outcome.value.replace("_", " ").upper()
    source = f"isolation {judgement.isolation}, comparator {judgement.comparator}, judge {judgement.judge_version}"
    compile_error = f"\n{printable(judgement.compile_error)}" if judgement.compile_error else ""
    table = Table(
        title=Text(f"{printable(problem.id)}: {outcome}, {accepted} of {len(problem.tests)} tests accepted"),
        caption=Text(source + compile_error),
    )
    for column in ("test", "verdict", "error", "CPU seconds", "output"):
        table.add_column(column, justify="right" if column in ("test", "CPU seconds") else "left", overflow="fold")
    for number, case in enumerate(judgement.cases, start=1):
        line = f" (line {case.error_line})" if case.error_line is not None else ""
        error = f"{case.error_type or ''}{line} {case.error_message}".strip()
        table.add_row(
            str(number),
            case.verdict.value.replace("_", " "),
            Text(printable(error, 80)),
            f"{case.cpu_seconds:.3f}",
            Text(printable(case.output, 60)),
        )
    return table


def _rows(text: str, where: str) -> list[Row]:
    """Return the one JSON object that `text` is, or the objects on its lines."""
    if not text.strip():
        return []
    try:
        value = parse_json(text)
    except ValueError as whole:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not lines[0].rstrip().endswith("}"):
            raise ValueError(f"{where} is not valid JSON ({whole}); write one problem as a JSON object") from None
        return [row for number, line in enumerate(lines, start=1) for row in _rows(line, f"{where}, line {number}")]
    if not isinstance(value, dict):
        raise ValueError(f"{where} must hold a JSON object, not {type(value).__name__}")
    return [Row(value, where)]


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not UTF-8 text ({error.reason})") from None
