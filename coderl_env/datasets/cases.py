"""Tests as APPS stores them, turned into the library's own.

The rules, which are those of the published APPS harness where it has any:

1. Standard input and output are strings; where one is a list of lines, the lines are joined with newlines.
2. The outputs of calls are sometimes stored in a list of one (the problems from Codewars), sometimes not (those from
   LeetCode). `are_wrapped` decides for the whole problem, never for one test alone: it takes a list of one for a
   wrapper if all outputs are such lists and the return annotation of the starter code, where there is one, does
   not say that the list is the value.
3. JSON turns the integer keys of a dict into strings. A first argument that is a dict with nothing but integers for
   keys gets them back. Expected values keep their string keys: the judge compares keys as JSON strings.
4. String arguments keep the quotation marks that LeetCode's carry inside (`'"leetcode"'`): the recorded outputs were
   made with them.
"""

from __future__ import annotations

import ast
from typing import Any

from coderl_env.datasets.rows import Row, shown
from coderl_env.problem import CallCase, StdioCase

__all__ = ["are_wrapped", "call_cases", "stdio_cases"]

_SCALARS = frozenset({"int", "bool", "str", "float"})
_LISTS = frozenset({"List", "list"})


def stdio_cases(inputs: Any, outputs: Any, row: Row) -> tuple[StdioCase, ...]:
    """Return one test per pair of input and output.

    Raises:
        DatasetError: the two have different lengths, or one is neither a string nor a list of strings.
    """
    pairs = _pairs(inputs, outputs, row)
    return tuple(
        StdioCase(_lines(stdin, f"input {number}", row), _lines(expected, f"output {number}", row))
        for number, (stdin, expected) in enumerate(pairs)
    )


def call_cases(inputs: Any, outputs: Any, entry_point: str, starter_code: str, row: Row) -> tuple[CallCase, ...]:
    """Return one test per pair of argument list and output.

    Raises:
        DatasetError: the two have different lengths, or arguments are no list.
    """
    pairs = _pairs(inputs, outputs, row)
    wrapped = are_wrapped([expected for _, expected in pairs], entry_point, starter_code)
    cases = []
    for number, (args, expected) in enumerate(pairs):
        if not isinstance(args, list):
            raise row.fault(f"input {number} must be a list of arguments, not {shown(args)}")
        cases.append(CallCase(tuple(_with_integer_keys(args)), expected[0] if wrapped else expected))
    return tuple(cases)


def are_wrapped(outputs: list[Any], entry_point: str, starter_code: str) -> bool:
    """Whether the recorded outputs of a function are each wrapped in a list of one.

    Args:
        outputs: all recorded outputs of the problem.
        entry_point: name of the function or method.
        starter_code: text that may hold its signature, possibly without a body.

    >>> are_wrapped([[True], [False]], "is_prime", "def is_prime(n):")
    True
    >>> are_wrapped([[3], [1, 2]], "digits", "def digits(n):")
    False
    >>> are_wrapped([[3]], "digits", "def digits(n) -> List[int]:")
    False
    """
    if not outputs or not all(isinstance(output, list) and len(output) == 1 for output in outputs):
        return False
    annotation = _return_annotation(entry_point, starter_code)
    if isinstance(annotation, ast.Name) and annotation.id in _SCALARS:
        return True
    levels = _list_levels(annotation)
    return levels == 0 or any(_depth(output) > levels for output in outputs)


def _pairs(inputs: Any, outputs: Any, row: Row) -> list[tuple[Any, Any]]:
    for name, values in (("inputs", inputs), ("outputs", outputs)):
        if not isinstance(values, list):
            raise row.fault(f"{name} must be a list, not {shown(values)}")
    if len(inputs) != len(outputs):
        raise row.fault(f"there are {len(inputs)} inputs, but {len(outputs)} outputs")
    return list(zip(inputs, outputs, strict=True))


def _lines(value: Any, what: str, row: Row) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    raise row.fault(f"{what} must be a string or a list of strings, not {shown(value)}")


def _with_integer_keys(args: list[Any]) -> list[Any]:
    if not args or not isinstance(args[0], dict) or not args[0]:
        return args
    if not all(_is_integer(key) for key in args[0]):
        return args
    return [{int(key): value for key, value in args[0].items()}, *args[1:]]


def _is_integer(key: str) -> bool:
    digits = key.removeprefix("-")
    return digits.isascii() and digits.isdigit() and (digits == "0" or not digits.startswith("0")) and key != "-0"


def _return_annotation(entry_point: str, starter_code: str) -> ast.expr | None:
    try:
        tree = ast.parse(starter_code.rstrip() + " pass")
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            return node.returns
    return None


def _list_levels(annotation: ast.expr | None) -> int:
    """How many lists an annotation nests: 2 for `List[List[int]]`, 0 for none or anything else."""
    if isinstance(annotation, ast.Name) and annotation.id in _LISTS:
        return 1
    if isinstance(annotation, ast.Subscript) and _list_levels(annotation.value) == 1:
        return 1 + _list_levels(annotation.slice)
    return 0


def _depth(value: Any) -> int:
    """How deep lists nest in a value: 0 for a scalar, 1 for a flat or empty list."""
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0
