"""MBPP (Austin et al. 2021): a sentence, three asserts that the prompt shows, and the same asserts as tests."""

from __future__ import annotations

import ast

from coderl_env.datasets.rows import Row, shown
from coderl_env.problem import AssertCase, Problem

__all__ = ["mbpp_problem", "mbpp_split"]

_SHOWN_ASSERTS = 3
_LAST_NUMBERS = (("prompt", 10), ("test", 510), ("validation", 600), ("train", 974))


def mbpp_problem(row: Row, challenge: bool = False) -> Problem:
    """Return the problem of a row: this project's fields, or those of the original file.

    The statement is the description with the first three asserts, as CodeRL gives it to the model; the same asserts are
    the examples. Each assert of `test_list` is one test, with the row's set-up code in front.

    Args:
        row: the record.
        challenge: also take the asserts of `challenge_test_list` as tests.

    Raises:
        DatasetError: a field is missing or malformed.
    """
    number = row.fields.get("task_id")
    if isinstance(number, bool) or not isinstance(number, (int, str)):
        raise row.fault(f"'task_id' must be a number or a string, not {shown(number)}")
    asserts = row.texts("test_list")
    setup = (row.optional_text("test_setup_code") or "").replace("\r\n", "\n").strip()
    code = row.texts("solutions") or tuple(filter(None, [row.optional_text("code")]))
    cases = tuple(_case(text, setup) for text in asserts + (row.texts("challenge_test_list") if challenge else ()))
    shown_asserts = "\n".join(asserts[:_SHOWN_ASSERTS])
    return Problem(
        id=number if isinstance(number, str) else f"mbpp/{number}",
        statement=f"{row.text('prompt', 'text')}\nYour code should satisfy these tests:\n{shown_asserts}\n",
        tests=cases,
        examples=cases[: min(_SHOWN_ASSERTS, len(asserts))],
        entry_point=row.optional_text("fn_name") or _called(asserts, code),
        solutions=code,
        difficulty=row.optional_text("difficulty"),
        source=row.optional_text("source") or "",
    )


def mbpp_split(row: Row) -> str | None:
    """Return the split of a row: its field, or what the paper gives its number to (Austin et al. 2021, section 2.1)."""
    if row.has("split"):
        return row.text("split")
    number = row.fields.get("task_id")
    if isinstance(number, int):
        return next((split for split, last in _LAST_NUMBERS if number <= last), None)
    return None


def _case(text: str, setup: str) -> AssertCase:
    return AssertCase(f"{setup}\n{text}\n" if setup else f"{text}\n")


def _called(asserts: tuple[str, ...], solutions: tuple[str, ...]) -> str | None:
    """Return the function that both the first solution defines and the first assert names, or None."""
    try:
        named = [node.id for node in ast.walk(ast.parse(asserts[0])) if isinstance(node, ast.Name)]
        body = ast.parse(solutions[0]).body
    except (SyntaxError, ValueError, IndexError):
        return None
    defined = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return next((name for name in named if name in defined), None)
