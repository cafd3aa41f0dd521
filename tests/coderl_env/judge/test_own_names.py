"""Asserts about what the program has names for: identity of its classes and functions, classes within classes."""

from __future__ import annotations

import pytest

from coderl_env.judge import Judge
from coderl_env.outcome import Verdict
from coderl_env.problem import AssertCase, Problem

OK, WRONG, RAISED = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.EXCEPTION

PROGRAM = """
class Square:
    pass
class Other:
    pass
registry = {"square": Square}
def find(name):
    return registry[name]
def twice(n):
    return 2 * n
def function(name):
    return {"twice": twice, "made": lambda n: n}[name]

class Queue:
    class Empty(Exception):
        code = 3
    class Node:
        pass
    def get(self):
        raise Queue.Empty("no items")
    def node(self):
        return Queue.Node()
class Empty(Exception):
    pass
def plain_empty():
    raise Empty("other")

class NotFound(LookupError):
    pass
def guarded(action):
    try:
        return action()
    except NotFound as error:
        return f"missing {error}"

class Calculator:
    def add(self, a, b):
        return a + b
    def twice(self, a):
        return self.add(a, a)

def solve(m):
    import numpy
    return numpy.linalg.inv(numpy.array(m))
"""

CASES = [
    # What the test has a name for is that.
    ("assert find('square') is Square and find('square') == Square and registry['square'] is Square", OK),
    ("assert find('square') is Other", WRONG),
    ("assert find('square') == Other", WRONG),
    ("assert Square in [find('square')] and Other not in [find('square')] and type(find('square')()) is Square", OK),
    ("assert function('twice') is twice and function('twice')(4) == 8 and twice in {function('twice')}", OK),
    ("assert function('made') is not twice and function('made')(4) == 4", OK),
    ("assert function('made') is twice", WRONG),
    # Classes within classes.
    ("try: Queue().get()\nexcept Queue.Empty as e: assert str(e) == 'no items' and e.code == 3\nelse: 1 / 0", OK),
    ("try: Queue().get()\nexcept Empty: pass\nelse: assert False", RAISED),
    ("try: plain_empty()\nexcept Queue.Empty: pass\nelse: assert False", RAISED),
    ("try: plain_empty()\nexcept Empty as e: assert type(e) is Empty\nelse: assert False", OK),
    ("import unittest\nwith unittest.TestCase().assertRaises(Queue.Empty): Queue().get()", OK),
    ("assert isinstance(Queue().node(), Queue.Node) and not isinstance(Square(), Queue.Node)", OK),
    ("assert isinstance(Square(), Queue.Node)", WRONG),
    ("try: raise Queue.Empty('mine')\nexcept Queue.Empty as e: assert e.code == 3 and Queue().node()", OK),
    # Exceptions that a test raises for the program.
    ("def fails(): raise NotFound('x')\nassert guarded(fails) == \"missing x\"", OK),
    ("def fails(): raise LookupError('x')\nguarded(fails)", RAISED),
    # Replaced, and put back.
    (("from unittest.mock import Mock, patch\nwith patch.object(Calculator, 'add', lambda self, a, b: 9):\n"
     "    assert Calculator().twice(1) == 9\nassert Calculator().twice(1) == 2"), OK),
    # Exceptions of numpy.
    ("import numpy as np\ntry: solve([[0]])\nexcept np.linalg.LinAlgError as e: assert 'Sing' in str(e)", OK),
]  # fmt: skip


@pytest.mark.parametrize(("code", "verdict"), CASES)
def test_names_mean_what_they_mean_in_one_file(judge: Judge, code: str, verdict: Verdict) -> None:
    case = judge.judge(PROGRAM, Problem("p", "", (AssertCase(code),))).cases[0]
    assert case.verdict is verdict, case.error_message
