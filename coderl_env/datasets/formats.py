"""Which format a row has, and the problem it holds.

Formats are told apart by their fields alone, so that one function reads any of them.
"""

from __future__ import annotations

from coderl_env.datasets.apps import apps_problem
from coderl_env.datasets.dataset import DatasetError
from coderl_env.datasets.humaneval import humaneval_problem
from coderl_env.datasets.mbpp import mbpp_problem, mbpp_split
from coderl_env.datasets.plain import plain_problem
from coderl_env.datasets.rows import Row
from coderl_env.problem import Problem

__all__ = ["FORMATS", "problem_from_row", "row_format", "row_split"]

FORMATS = {
    "apps": frozenset({"apps", "plain", "problem"}),
    "mbpp": frozenset({"mbpp", "problem"}),
    "humaneval": frozenset({"humaneval", "problem"}),
}


def row_format(row: Row) -> str | None:
    """Return the format of a row, or None where it holds no problem at all.

    `problem` is what `Problem.to_dict` writes, `apps` a row of the Hub's APPS, `plain` this project's own (see
    `coderl_env.datasets.plain`), `mbpp` and `humaneval` those data sets' rows, original or with this project's fields.
    """
    if row.has("statement") and row.has("tests"):
        return "problem"
    if row.has("question"):
        return "apps"
    if "test_list" in row.fields:
        return "mbpp"
    if not row.has("prompt"):
        return None
    if row.has("test") and not row.has("preamble"):
        return "humaneval"
    return "plain"


def row_split(row: Row) -> str | None:
    """Return the split that a row says it belongs to, or None where it does not say."""
    return mbpp_split(row) if "test_list" in row.fields else row.optional_text("split")


def problem_from_row(row: Row, split: str = "custom") -> Problem:
    """Return the problem that a row of any known format holds.

    Args:
        row: the record.
        split: part of the id where the row has only a number.

    Raises:
        DatasetError: the format is unknown, or a field is missing or malformed.
    """
    kind = row_format(row)
    try:
        if kind == "problem":
            return Problem.from_dict(row.fields)
        if kind == "apps":
            return apps_problem(row, split)
        if kind == "mbpp":
            return mbpp_problem(row)
        if kind == "humaneval":
            return humaneval_problem(row)
        if kind == "plain":
            return plain_problem(row)
    except DatasetError:
        raise
    except ValueError as error:
        raise row.fault(str(error)) from None
    raise row.fault("it holds no problem: there is no statement under 'prompt', 'question' or 'statement'")
