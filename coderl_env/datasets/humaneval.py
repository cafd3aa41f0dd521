"""HumanEval (Chen et al. 2021): a signature with a docstring, to be completed, and a function `check` that tests it."""

from __future__ import annotations

from coderl_env.datasets.asserts import split_check
from coderl_env.datasets.examples import extract_doctests
from coderl_env.datasets.rows import Row
from coderl_env.problem import Problem

__all__ = ["humaneval_problem"]


def humaneval_problem(row: Row) -> Problem:
    """Return the problem of a row: this project's fields, or those of the original file.

    Statement and starter code are both the prompt: a program begins with it and goes on with the body. The tests are
    the asserts of `check`, one by one where that is safe; see `split_check`.

    Raises:
        DatasetError: a field is missing or malformed.
    """
    prompt = row.text("prompt")
    entry_point = row.text("fn_name", "entry_point")
    try:
        tests = split_check(row.text("test"), entry_point)
    except ValueError as error:
        raise row.fault(str(error)) from None
    solutions = row.texts("solutions")
    if not solutions and row.has("canonical_solution"):
        solutions = (prompt + row.text("canonical_solution"),)
    return Problem(
        id=row.text("task_id"),
        statement=prompt,
        tests=tests,
        examples=extract_doctests(prompt, entry_point),
        starter_code=prompt,
        entry_point=entry_point,
        solutions=solutions,
        difficulty=row.optional_text("difficulty"),
        source=row.optional_text("source") or "",
    )
