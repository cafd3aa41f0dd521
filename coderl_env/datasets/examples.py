"""Public example tests, read out of a problem's statement.

The text is only ever parsed, never run: values go through `ast.literal_eval`. Where it is not certain what an example
says, there is none; upper and lower case stay as they are.
"""

from __future__ import annotations

from coderl_env.datasets.example_blocks import block_examples
from coderl_env.datasets.example_calls import call_examples
from coderl_env.problem import AssertCase, TestCase

__all__ = ["extract_doctests", "extract_examples"]


def extract_examples(statement: str, entry_point: str | None, starter_code: str = "") -> tuple[TestCase, ...]:
    """Return the examples that a statement shows, as tests.

    Args:
        statement: the text.
        entry_point: the function to define, or None for a program that reads standard input.
        starter_code: text that may hold the function's signature.

    >>> extract_examples("-----Examples-----\\nInput\\n2 3\\n\\nOutput\\n5\\n", None)
    (StdioCase(stdin='2 3\\n', expected='5\\n'),)
    >>> extract_examples("So add(2, 3) == 5, of course.", "add")
    ()
    >>> extract_examples("So add(2, 3) == 5.", "add")
    (CallCase(args=(2, 3), expected=5),)
    """
    if entry_point is None:
        return block_examples(statement)
    return call_examples(statement, entry_point, starter_code)


def extract_doctests(prompt: str, entry_point: str) -> tuple[AssertCase, ...]:
    """Return the examples in the docstring of a HumanEval prompt, as asserts."""
    return tuple(
        AssertCase(f"assert {entry_point}({', '.join(map(repr, case.args))}) == {case.expected!r}\n")
        for case in call_examples(prompt, entry_point, prompt)
    )
