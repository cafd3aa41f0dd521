"""Public example tests, read out of a problem's statement."""

from __future__ import annotations

from coderl_env.problem import AssertCase, TestCase

__all__ = ["extract_doctests", "extract_examples"]


def extract_examples(statement: str, entry_point: str | None, starter_code: str = "") -> tuple[TestCase, ...]:
    """Return the examples that the statement shows."""
    return ()


def extract_doctests(text: str, entry_point: str) -> tuple[AssertCase, ...]:
    return ()
