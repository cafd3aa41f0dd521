"""APPS (Hendrycks et al. 2021): the original folder layout and the rows of the Hub's JSON Lines files.

A call-based problem keeps APPS's plain function name as its `entry_point`, also where the starter code and solutions
define it as a method of `class Solution`: the judge takes the module-level function of that name and, failing
that, the method of an instance of `Solution`. Starter code and solutions of call-based problems get the imports that
they take for granted; see `coderl_env.datasets.imports`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coderl_env.datasets.cases import call_cases, stdio_cases
from coderl_env.datasets.dataset import DatasetError
from coderl_env.datasets.examples import extract_examples
from coderl_env.datasets.imports import with_imports
from coderl_env.datasets.rows import Row, parse_json, read_text, shown
from coderl_env.problem import Problem, TestCase

__all__ = ["apps_problem", "holds_problem_folders", "read_folder"]


def apps_problem(row: Row, split: str) -> Problem:
    """Return the problem of a row of `codeparrot/apps`, whose `solutions` and `input_output` are JSON text.

    Raises:
        DatasetError: a field is missing or malformed.
    """
    number = row.fields.get("problem_id", row.fields.get("id"))
    if isinstance(number, bool) or not isinstance(number, (int, str)):
        raise row.fault(f"'problem_id' must be a number, not {shown(number)}")
    name = f"{int(number):04d}" if str(number).isdecimal() else str(number)
    statement = row.text("question")
    starter_code = row.optional_text("starter_code") or ""
    solutions = row.texts("solutions")
    tests, entry_point = _tests(row.embedded("input_output"), starter_code, row)
    return Problem(
        id=f"apps/{split}/{name}",
        statement=statement,
        tests=tests,
        examples=extract_examples(statement, entry_point, starter_code),
        starter_code=starter_code if entry_point is None else with_imports(starter_code),
        entry_point=entry_point,
        solutions=solutions if entry_point is None else tuple(map(with_imports, solutions)),
        difficulty=row.optional_text("difficulty"),
        source=row.optional_text("url") or "",
    )


def holds_problem_folders(folder: Path) -> bool:
    """Whether `folder` is a split of the original layout: it has numbered folders that hold `question.txt`."""
    return next(_problem_folders(folder), None) is not None


def read_folder(folder: Path) -> Iterator[Row]:
    """Yield one row per problem folder, in order of their names, with the fields of the Hub's rows.

    Raises:
        DatasetError: a file is malformed.
    """
    for problem in sorted(_problem_folders(folder)):
        metadata = _json_file(problem / "metadata.json")
        if metadata is not None and not isinstance(metadata, dict):
            raise DatasetError(
                f"{problem / 'metadata.json'} must hold a JSON object, not {shown(metadata)}; fetch the data again"
            )
        fields: dict[str, Any] = {
            "problem_id": problem.name,
            "question": read_text(problem / "question.txt"),
            "solutions": _json_file(problem / "solutions.json"),
            "input_output": _json_file(problem / "input_output.json"),
            "starter_code": _text_file(problem / "starter_code.py"),
            "difficulty": (metadata or {}).get("difficulty"),
            "url": (metadata or {}).get("url"),
        }
        yield Row(fields, str(problem))


def _problem_folders(folder: Path) -> Iterator[Path]:
    return (
        child
        for child in folder.iterdir()
        if child.name.isdecimal() and child.is_dir() and (child / "question.txt").is_file()
    )


def _tests(recorded: Any, starter_code: str, row: Row) -> tuple[tuple[TestCase, ...], str | None]:
    """Return the tests of an `input_output` record, and the function that calls use."""
    if recorded is None:
        return (), None
    if not isinstance(recorded, Mapping):
        raise row.fault(f"'input_output' must be an object, not {shown(recorded)}")
    entry_point = recorded.get("fn_name")
    if entry_point is not None and not isinstance(entry_point, str):
        raise row.fault(f"'fn_name' must be a string, not {shown(entry_point)}")
    inputs, outputs = recorded.get("inputs", []), recorded.get("outputs", [])
    if entry_point:
        return call_cases(inputs, outputs, entry_point, starter_code, row), entry_point
    return stdio_cases(inputs, outputs, row), None


def _text_file(path: Path) -> str | None:
    return read_text(path) if path.is_file() else None


def _json_file(path: Path) -> Any:
    text = _text_file(path)
    if text is None or not text.strip():
        return None
    try:
        return parse_json(text)
    except ValueError as error:
        raise DatasetError(f"{path} is not valid JSON ({error}); mend it or fetch the data again") from None
