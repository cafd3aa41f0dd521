"""What a program must not do to a test's objects, and what it may: attributes, mocks, classes that the test defines."""

from __future__ import annotations

import pytest

from coderl_env.judge import Judge
from coderl_env.outcome import Verdict
from coderl_env.problem import AssertCase, Problem

OK, WRONG, RAISED = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.EXCEPTION

POINT = """
class Point:
    EPS = 1e-9
    def __init__(self, x, y): self.x = x; self.y = y
    def __eq__(self, o): return abs(self.x - o.x) <= self.EPS and abs(self.y - o.y) <= self.EPS
"""
FIELDS = """
from dataclasses import dataclass
from typing import ClassVar
@dataclass(eq=False)
class P:
    x: float = 0.0
    tol: ClassVar[float] = 1e-6
    def __eq__(self, o): return abs(self.x - o.x) < self.tol
"""
NORM = """
from functools import cached_property
class Point:
    def __init__(self, x, y): self.x = x; self.y = y
    @cached_property
    def norm(self): return abs(self.x) + abs(self.y)
"""
APPROX = """
class Approx:
    def __init__(self, v, tol=1e-6): self.v = v; self.tol = tol
    def __eq__(self, other): return other is not None and abs(self.v - getattr(other, "v", other)) <= self.tol
    def __lt__(self, other): return True
"""
NODE = """
class Node:
    value = 7
    next = None
    def __repr__(self): return f"{self.value} {self.next}"
"""
CHECKER = """
class Checker:
    secret, hits = 42, 0
    def __init__(self): self.ok = False
    def check(self, v): return v == self.secret
c = Checker()
"""
MOCK = "from unittest.mock import Mock\nm = Mock()\n"
APPROX_PROGRAM = "class Approx:\n    def __init__(self): self.v = 0.0; self.tol = 1e99\ndef f(): return Approx()"

CASES = [
    # Data of a class that its methods decide by.
    (
        "class Point:\n    def __init__(self): self.x = self.y = 0; self.EPS = float('inf')\ndef f(): return Point()",
        f"{POINT}assert f() == Point(1, 2)",
        WRONG,
    ),
    (
        "class Point:\n    def __init__(self): self.x = 1; self.y = 2\ndef f(): return Point()",
        f"{POINT}assert f() == Point(1, 2)",
        OK,
    ),
    (
        "class P:\n    def __init__(self): self.x = 0; self.__dict__['tol'] = 1e9\ndef f(): return P()",
        f"{FIELDS}assert f() == P(5.0)",
        WRONG,
    ),
    ("class P:\n    def __init__(self): self.x = 5.0\ndef f(): return P()", f"{FIELDS}assert f() == P(5.0)", OK),
    ("class Node: pass\ndef f():\n    n = Node(); n.value = 3; return n", f"{NODE}assert repr(f()) == '3 None'", WRONG),
    (
        "class Node: pass\ndef f():\n    n = Node(); n.next = 3; return n",
        f"{NODE}assert repr(f()) == '7 3' and Node().next is None",
        OK,
    ),
    (
        "class Node: pass\ndef f():\n    n = Node(); n.value = 3; return n",
        f"{NODE}n = Node()\nn.value = 5\nassert repr(f()) == '3 None'",
        OK,
    ),
    # What is worked out is worked out here.
    (
        "class Point:\n    def __init__(self): self.x = 0; self.y = 0; self.norm = 5.0\ndef f(): return Point()",
        f"{NORM}assert f().norm == 5.0",
        WRONG,
    ),
    ("def f(p):\n    return p.norm", f"{NORM}p = Point(3, 4)\nassert f(p) == 7 and p.norm == 7", OK),
    # A lenient class of the test is not for a program to answer with.
    (APPROX_PROGRAM, f"{APPROX}assert f() == 2.5", WRONG),
    (APPROX_PROGRAM, f"{APPROX}assert 2.5 == f()", WRONG),
    (APPROX_PROGRAM, f"{APPROX}assert [f()] == [2.5]", WRONG),
    (APPROX_PROGRAM, f"{APPROX}assert f() < 2.5", WRONG),
    (APPROX_PROGRAM, f"{APPROX}assert f() != None and not f() == None and f().v == 0.0", OK),
    ("def f(): return 2.5", f"{APPROX}assert f() == Approx(2.5) and Approx(2.5) == f() and not f() == Approx(3)", OK),
    ("def f(a): return a", f"{APPROX}a = Approx(2.5)\nassert f(a) == 2.5 and f(a) is a", OK),
    # Of an object that stays with the test a program may set what its class does not decide by.
    ("def f(c): c.check = bool", f"{CHECKER}\ntry: f(c)\nexcept AttributeError: pass\nassert c.check(3)", WRONG),
    ("def f(c): c.secret = 3", f"{CHECKER}\ntry: f(c)\nexcept AttributeError: pass\nassert c.check(3)", WRONG),
    ("def f(c): c.hits += 1; c.ok = True", f"{CHECKER}\nf(c)\nassert c.ok and c.hits == 1 and c.check(42)", OK),
    # Mocks.
    ("def f(m): m.assert_called_once = lambda: None", f"{MOCK}f(m)\nm.assert_called_once()", RAISED),
    ("def f(m): m.called = True", f"{MOCK}f(m)\nassert m.called", RAISED),
    ("def f(m): m.configure_mock(call_count=1)", f"{MOCK}f(m)\nassert m.call_count == 1", RAISED),
    ("def f(m): m._mock_call_count = 1", f"{MOCK}f(m)\nassert m.call_count == 1", RAISED),
    ("def f(m): return m.get._mock_return_value", f"{MOCK}m.get.return_value = 4\nassert f(m) == 4", RAISED),
    ("def f(m): m.rate = 2; return m.get(3)", f"{MOCK}m.get.return_value = 4\nassert f(m) == 4 and m.rate == 2", OK),
    ("def f(m): m(1); return m.called", f"{MOCK}assert f(m)\nm.assert_called_once_with(1)", OK),
]


@pytest.mark.parametrize(("program", "code", "verdict"), CASES)
def test_what_a_program_does_to_a_tests_objects(judge: Judge, program: str, code: str, verdict: Verdict) -> None:
    judgement = judge.judge(program, Problem("x", "", (AssertCase(code),), entry_point="f"))
    assert judgement.cases[0].verdict is verdict, judgement.cases[0].error_message
