"""Plain rows: one test problem per JSON object, with the tests as `inputs` and `outputs`.

Fields: `task_id`, `prompt`, `inputs`, `outputs`; optional `split`, `difficulty`, `starter_code`, `solutions`, `source`,
`checker`, `comparator`, `limits`, and `fn_name`: null for a program that reads standard input, otherwise the function
that is called, as a plain name also where it is a method of `class Solution` (see `coderl_env.datasets.apps`).

Rows of LeetCodeDataset have two fields more. `preamble` is the number of a text in the file `<name>_preambles.json`
beside the rows, or the text itself: imports and helpers that both the starter code and the solutions rest on, so it is
put in front of both. `test` is a function `check(candidate)`, used where the arguments cannot be written as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from coderl_env.datasets.asserts import split_check
from coderl_env.datasets.cases import call_cases, stdio_cases
from coderl_env.datasets.dataset import DatasetError
from coderl_env.datasets.examples import extract_examples
from coderl_env.datasets.imports import with_imports
from coderl_env.datasets.rows import Row, parse_json, read_rows, read_text, shown
from coderl_env.problem import AssertCase, Limits, Problem, TestCase

__all__ = ["plain_problem", "read_file"]


def read_file(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSON Lines file, with the texts of their preambles in place of the numbers.

    Raises:
        DatasetError: one of the two files cannot be read or is malformed.
    """
    beside = path.with_name(f"{path.stem}_preambles.json")
    texts: dict[str, str] = {}
    if beside.is_file():
        try:
            texts = parse_json(read_text(beside))
        except DatasetError:
            raise
        except ValueError as error:
            raise DatasetError(f"{beside} is not valid JSON ({error}); mend it or fetch the data again") from None
    for row in read_rows(path):
        text = texts.get(str(row.fields.get("preamble")))
        yield row if text is None else replace(row, fields={**row.fields, "preamble": text})


def plain_problem(row: Row) -> Problem:
    """Return the problem of a plain row.

    Raises:
        DatasetError: a field is missing or malformed.
    """
    statement = row.text("prompt")
    entry_point = row.optional_text("fn_name") or None
    signature = row.optional_text("starter_code") or ""
    preamble = _preamble(row)
    limits = row.fields.get("limits")
    try:
        return Problem(
            id=row.text("task_id"),
            statement=statement,
            tests=_tests(row, entry_point, signature, preamble),
            examples=extract_examples(statement, entry_point, signature),
            starter_code=_complete(preamble + signature, entry_point),
            entry_point=entry_point,
            solutions=tuple(_complete(preamble + solution, entry_point) for solution in row.texts("solutions")),
            difficulty=row.optional_text("difficulty"),
            source=row.optional_text("source") or "",
            checker=row.optional_text("checker"),
            comparator=row.optional_text("comparator"),
            limits=None if limits is None else Limits.from_dict(limits),
        )
    except (TypeError, AttributeError) as error:
        raise row.fault(f"'limits' must be an object ({error})") from None


def _complete(code: str, entry_point: str | None) -> str:
    return code if entry_point is None else with_imports(code)


def _tests(row: Row, entry_point: str | None, signature: str, preamble: str) -> tuple[TestCase, ...]:
    inputs, outputs = row.fields.get("inputs"), row.fields.get("outputs")
    if row.has("test") and (inputs is None or row.fields.get("needs_node_helpers")):
        return _asserts(row, entry_point, preamble)
    if inputs is None and outputs is None:
        return ()
    if entry_point is None:
        return stdio_cases(inputs, outputs, row)
    return call_cases(inputs, outputs, entry_point, signature, row)


def _asserts(row: Row, entry_point: str | None, preamble: str) -> tuple[AssertCase, ...]:
    """Return the tests of a check function, each with the preamble, so that no program defines their helpers."""
    try:
        cases = split_check(row.text("test"), row.optional_text("entry_point") or entry_point or "")
    except ValueError as error:
        raise row.fault(str(error)) from None
    return tuple(AssertCase(preamble + case.code) for case in cases)


def _preamble(row: Row) -> str:
    text = row.fields.get("preamble")
    if text is None:
        return ""
    if not isinstance(text, str):
        raise row.fault(f"there is no text for preamble {shown(text)} in the file of preambles beside the rows")
    return text if text.endswith("\n") else text + "\n"
