"""Tests as APPS stores them."""

import pytest

from coderl_env.datasets import DatasetError
from coderl_env.datasets.cases import are_wrapped, call_cases, stdio_cases
from coderl_env.datasets.rows import Row
from coderl_env.problem import CallCase, StdioCase

ROW = Row({}, "file, line 1")


def test_lists_of_lines_are_joined() -> None:
    assert stdio_cases([["3 4", "", "5", ""]], [["7", "8"]], ROW) == (StdioCase("3 4\n\n5\n", "7\n8"),)


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([5], ["5"], "input 0 must be a string or a list of strings, not 5"),
        (["5"], [["a", 1]], "output 0 must be a string"),
        (["5", "6"], ["5"], "2 inputs, but 1 outputs"),
        ("5", ["5"], "inputs must be a list, not '5'"),
        (["5"], None, "outputs must be a list, not None"),
    ],
)
def test_wrong_types_of_stdin_tests_are_named(inputs: object, outputs: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        stdio_cases(inputs, outputs, ROW)


@pytest.mark.parametrize(
    ("outputs", "signature", "wrapped"),
    [
        ([[True], [False]], "def f(n):\n\t", True),
        ([[[1, 2]], [[3]]], "def f(n):\n\t", True),
        ([[1], [2, 3]], "def f(n):\n\t", False),
        ([[1], 2], "def f(n):\n\t", False),
        ([[]], "def f(n):\n\t", False),
        ([], "def f(n):\n\t", False),
        ([[5]], "class Solution:\n    def f(self, n: int) -> List[int]:\n        ", False),
        ([[[5, 6]]], "class Solution:\n    def f(self, n: int) -> List[int]:\n        ", True),
        ([[[5, 6]]], "class Solution:\n    def f(self, n: int) -> List[List[int]]:\n        ", False),
        ([[[[5]]]], "class Solution:\n    def f(self, n: int) -> list[list[int]]:\n        ", True),
        ([[5]], "class Solution:\n    def f(self, n: int) -> int:\n        ", True),
        ([[5]], "this is no Python", True),
        ([[5]], "", True),
    ],
)
def test_wrapping_is_decided_for_the_whole_problem(outputs: list[object], signature: str, wrapped: bool) -> None:
    assert are_wrapped(outputs, "f", signature) is wrapped


def test_call_cases_unwrap_and_keep_arguments() -> None:
    assert call_cases([[1, '"a"'], [2, '"b"']], [[[1]], [[2]]], "f", "def f(n, s):", ROW) == (
        CallCase((1, '"a"'), [1]),
        CallCase((2, '"b"'), [2]),
    )


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ({"1": "a", "-20": "b"}, {1: "a", -20: "b"}),
        ({"1": "a", "x": "b"}, {"1": "a", "x": "b"}),
        ({"01": "a"}, {"01": "a"}),
        ({"-0": "a"}, {"-0": "a"}),
        ({}, {}),
    ],
)
def test_integer_keys_come_back(first: dict[str, str], expected: dict[object, str]) -> None:
    (case,) = call_cases([[first, {"1": 2}]], [0], "f", "", ROW)
    assert case.args == (expected, {"1": 2})


def test_arguments_must_be_a_list() -> None:
    with pytest.raises(DatasetError, match="input 0 must be a list of arguments, not 5"):
        call_cases([5], [5], "f", "", ROW)
