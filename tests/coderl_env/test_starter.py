"""Starter code meets whole programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coderl_env.starter import continue_starter, join_starter

METHOD = "\nclass Solution:\n    def area(self, side: int) -> int:\n        "
FUNCTION = "def area(side):\n\t"
DOCUMENTED = "import math\n\ndef area(side):\n    '''The area of a square.'''\n"

PROGRAMS = {
    "the same, tidied": "class Solution:\n    def area(self, side: int) -> int:\n        return side * side\n",
    "other indentation": "class Solution:\n  def area(self, side):\n    return side * side",
    "blank line first": "class Solution:\n    def area(self, side: int) -> int:\n\n        return side * side",
    "comment first": "class Solution:\n    def area(self, side: int) -> int:  # a square\n        return side * side\n",
    "one line": "class Solution:\n    def area(self, side: int) -> int: return side * side\n",
    "a helper first": "def sq(n):\n    return n * n\nclass Solution:\n  def area(self, n):\n    return sq(n)\n",
}


def area(program: str, side: int) -> int:
    """Run a program that is written in this file."""
    names: dict[str, object] = {}
    exec(compile(program, "program", "exec"), names)
    found = names["Solution"]().area if "Solution" in names else names["area"]  # type: ignore[operator]
    return found(side)  # type: ignore[operator]


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_whole_program_is_not_put_behind_an_open_block(program: str) -> None:
    assert join_starter(METHOD, program) == program


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_what_follows_the_starter_code_does_what_the_program_does(program: str) -> None:
    continued = METHOD + continue_starter(METHOD, program)
    assert area(continued, 7) == area(program, 7) == 49


@pytest.mark.parametrize(
    ("starter_code", "rest", "whole"),
    [
        ("", "print(1)\n", "print(1)\n"),
        (METHOD, "return side * side\n", METHOD + "return side * side\n"),
        (FUNCTION, "return side * side\n", FUNCTION + "return side * side\n"),
        (DOCUMENTED, "    return side * side\n", DOCUMENTED + "    return side * side\n"),
    ],
)
def test_a_rest_is_put_behind_the_starter_code(starter_code: str, rest: str, whole: str) -> None:
    assert join_starter(starter_code, rest) == whole
    assert join_starter(starter_code, whole) == whole
    assert continue_starter(starter_code, whole) == rest


def test_a_body_on_the_line_of_its_head_moves_to_its_own() -> None:
    assert continue_starter(FUNCTION, "def area(side): return side * side\n") == "return side * side\n"


def test_starter_code_that_is_complete_is_kept_before_a_new_definition() -> None:
    again = "def area(side):\n    return int(math.pow(side, 2))\n"
    assert area(join_starter(DOCUMENTED, again), 7) == 49
    assert area(DOCUMENTED + continue_starter(DOCUMENTED, again), 7) == 49


@pytest.mark.parametrize("preamble", ["import math\n\n", "import math\n\ndef helper():\n    pass\n\n"])
def test_what_comes_before_the_open_function_is_kept(preamble: str) -> None:
    again = "def area(n):\n    return int(math.pow(n, 2))\n"
    assert join_starter(preamble + FUNCTION, again) == preamble + again
    assert join_starter(preamble + FUNCTION, preamble + again) == preamble + again


def test_a_definition_of_another_name_is_a_rest() -> None:
    rest = "return side * side\n\ndef other():\n    pass\n"
    assert join_starter(FUNCTION, rest) == FUNCTION + rest


def test_real_solutions_compile_behind_their_starter_code(shared_data: Path) -> None:
    rows = map(json.loads, (shared_data / "apps" / "train.jsonl").read_text(encoding="utf-8").splitlines())
    pairs = [(row["starter_code"], program) for row in rows if row["starter_code"] for program in row["solutions"]]
    compiling = [(starter_code, program) for starter_code, program in pairs if compiles(program)]
    assert len(compiling) > 150
    for starter_code, program in compiling:
        assert compiles(starter_code + continue_starter(starter_code, program))
        assert compiles(join_starter(starter_code, program))


def compiles(program: str) -> bool:
    try:
        compile(program, "program", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True
