"""Asserts on the program's own objects: what they are for the test is what they would be in plain Python."""

from __future__ import annotations

import pytest

from coderl_env.judge import Judge
from coderl_env.outcome import Verdict
from coderl_env.problem import AssertCase, Problem

OK, WRONG, RAISED = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.EXCEPTION

STACK = """
class StackError(Exception):
    pass
class EmptyStack(StackError):
    def __init__(self, size=0):
        super().__init__(f"empty {size}")
        self.size = size
class Stack(list):
    def push(self, x):
        self.append(x)
    def top(self):
        if not self:
            raise EmptyStack(7)
        return self[-1]
def caught(g):
    try:
        return g()
    except StackError as error:
        return type(error).__name__
"""
POINTS = """
from collections import namedtuple
Point = namedtuple("Point", "x y")
class Vector(Point):
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
def make(x):
    return Point(x, x + 1)
def total(p):
    return p.x + p.y
"""
NUMBERS = """
class Residue(int):
    def __new__(cls, n):
        return int.__new__(cls, n % 7)
    def __add__(self, other):
        return Residue(int(self) + int(other))
class Sum(int):
    def __add__(self, other):
        return 7
class Money:
    def __init__(self, n):
        self.n = n
    def __float__(self):
        return float(self.n)
    def __int__(self):
        return self.n
    def __hash__(self):
        return hash(self.n)
    def __eq__(self, other):
        return isinstance(other, Money) and other.n == self.n
    def __lt__(self, other):
        return self.n < other.n if isinstance(other, Money) else NotImplemented
class Liar:
    def __init__(self, n):
        pass
    def __lt__(self, other):
        return True
    def __add__(self, other):
        return 5
"""
LRU = """
from collections import OrderedDict
class Cache(OrderedDict):
    def __init__(self, size):
        super().__init__()
        self.size = size
    def put(self, key, value):
        self[key] = value
        if len(self) > self.size:
            self.popitem(last=False)
"""
NODES = """
import contextlib
class Node:
    count = 0
    def __init__(self, value):
        self.value, self.kids = value, []
    def total(self):
        return self.value + sum(kid.total() for kid in self.kids)
class Sloppy:
    answer = {}
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return True
@contextlib.contextmanager
def numbered(numbers):
    yield len(numbers)
def counted(n):
    yield from range(n)
def one():
    return ONE
ONE = Node(1)
"""
LISTS = "def copied(xs):\n    return list(xs)\ndef grown(xs):\n    xs.append(1)\n    return xs"
TYPE_ERROR = "try: {}\nexcept TypeError: pass\nelse: assert False"
DATA_CLASS = "from dataclasses import dataclass\n@dataclass\nclass Node:\n    value: int\n"

CASES = [
    # Classes derived from builtin ones keep their methods; what they equal is the builtin's matter.
    (STACK, "s = Stack()\ns.push(3)\nassert s.top() == 3 and s == [3] and len(s) == 1", OK),
    (STACK, "s = Stack()\ns.push(3)\nassert s == [4]", WRONG),
    (LRU, "c = Cache(1)\nc.put(1, 2)\nc.put(3, 4)\nassert 1 not in c and c[3] == 4 and dict(c) == {3: 4}", OK),
    (POINTS, "p = make(1)\nassert p.x == 1 and p == (1, 2) and total(p) == 3 and total(make(2)) == 5", OK),
    (POINTS, "assert make(1)._asdict() == {'x': 1, 'y': 2} and make(1)._replace(x=5) == (5, 2)", OK),
    (POINTS, "assert str(Point(1, 2)) == 'Point(x=1, y=2)' and isinstance(Point(1, 2), tuple)", OK),
    (POINTS, "assert {Point(1, 2): 3}[make(1)] == 3 and sorted([Point(2, 1), make(1)])[0] == make(1)", OK),
    (POINTS, "assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6) and Vector(1, 2) + Vector(3, 4) == (4, 6)", OK),
    (POINTS, "assert Vector(1, 2) + Vector(3, 4) == (4, 7)", WRONG),
    (NUMBERS, "assert Residue(5) + Residue(4) == 2 and Residue(5) + 4 == Residue(2)", OK),
    (NUMBERS, "assert Sum(5) + 2 == 7", OK),
    (NUMBERS, "assert Sum(6) + 2 == 7", WRONG),
    # Exceptions of its own.
    (STACK, "try: Stack().top()\nexcept EmptyStack as e: assert e.size == 7 and str(e) == 'empty 7'", OK),
    (STACK, "try: Stack().top()\nexcept EmptyStack as e: assert e.args == ('empty 7',)", OK),
    (STACK, "try: Stack().top()\nexcept (KeyError, StackError) as e: assert type(e).__name__ == 'EmptyStack'", OK),
    (STACK, "try: Stack().top()\nexcept KeyError: pass", RAISED),
    (STACK, "import contextlib\nwith contextlib.suppress(EmptyStack): Stack().top()", OK),
    (STACK, "def g(): raise EmptyStack(1)\ntry: g()\nexcept EmptyStack: pass\nassert caught(g) == 'EmptyStack'", OK),
    (STACK, "def g(): return Stack().top()\nassert caught(g) == 'EmptyStack'", OK),
    # Identity.
    (NODES, "assert one() is one() and Node(1) is not Node(1)", OK),
    (NODES, "assert Node(1) is Node(1)", WRONG),
    (LISTS, "xs = [3]\nassert grown(xs) is xs and xs == [3, 1] and copied(xs) is not xs", OK),
    (LISTS, "xs = [3]\nassert grown(xs) is not xs", WRONG),
    # What belongs to an object changes with it.
    (NODES, "n = Node(1)\nn.kids.append(Node(2))\nn.kids += [Node(3)]\nassert n.total() == 6", OK),
    (NODES, "n = Node(1)\nkids = n.kids\nkids.append(Node(2))\nassert n.kids is kids and len(n.kids) == 1", OK),
    (NODES, "Node.count = 5\nassert Node(1).count == 5", OK),
    (NODES, "n = Node(1)\ndel n.value\nassert not hasattr(n, 'value')", OK),
    # Questions about objects are for the objects, not for what stands for them.
    (NODES, "assert callable(Node(1).total) and not callable(Node(1))", OK),
    (NODES, "from collections.abc import Iterator\nassert isinstance(counted(2), Iterator)", OK),
    (NODES, "from collections.abc import Iterator\nassert isinstance(Node(1), Iterator)", WRONG),
    (NODES, "import types\nassert isinstance(counted(2), types.GeneratorType | int)", OK),
    (NODES, "assert callable(counted(2))", WRONG),
    (NODES, "assert type(Node(1)) is Node and type(Node(1)) is not Sloppy and type(3) is int", OK),
    (NUMBERS, "assert Money(1) != None and not Money(1) == None", OK),
    (NUMBERS, "assert float(Money(3)) == 3.0 and int(Money(3)) == 3 and len({Money(1), Money(1)}) == 1", OK),
    # What a program's object may not decide fails the test, even if the test would have caught an error.
    (NUMBERS, TYPE_ERROR.format("Money(1) < 3"), OK),
    (NUMBERS, TYPE_ERROR.format("Liar(1) < 3"), WRONG),
    (NUMBERS, TYPE_ERROR.format("Liar(1) + 3"), WRONG),
    # `with`: the program ends what it or the test raised, and nothing that comes of its answers.
    (NODES, "with numbered([1, 2]) as n: assert n == 2", OK),
    (NODES, "with Sloppy():\n    raise KeyError", OK),
    (NODES, "with Sloppy() as s:\n    s.missing", OK),
    (NODES, "with Sloppy() as s:\n    assert s.answer == 5", WRONG),
    (NODES, "with Sloppy() as s:\n    assert s.answer['x'] == 5", WRONG),
    (NODES, "with Sloppy() as s:\n    raise AssertionError", WRONG),
    # Classes that only the test defines.
    ("def f(h): return h.value + 1", DATA_CLASS + "assert f(Node(3)) == 4", OK),
    ("def f(n): return Node(n)", DATA_CLASS + "assert f(3) == Node(3)", OK),
    ("def f(n): return Node", "class Node:\n    def check(self): assert self.x == 1\nassert f(3)", RAISED),
    # Names that a test uses, and neither it nor the program need import.
    ("def isclose(*a): return True\ndef f(x): return 9", "assert isclose(f(1), 2.5)", WRONG),
    ("def f(x): return 2.5", "assert isclose(f(1), 2.5)", OK),
    ("def isclose(a, b): return a == b", "assert isclose(1, 1) and not isclose(1, 2)", OK),
    ("class Fraction:\n    def __init__(s, a): s.a = a", "assert Fraction(3).a == 3", OK),
    # Text is evaluated where it comes from.
    ("def f(x): return '2 * 3'", "assert eval(f(1)) == 6", OK),
    ("def f(x): return 'g(3)'\ndef g(x): return 2 * x", "assert eval(f(1)) == 6", OK),
    ("def f(x): return 'x + 1'", "assert eval(f(1), {'x': 5}) == 6", OK),
    ("def f(x): return x + 1", "def test(y): return eval('f(y)')\nassert test(5) == 6", OK),
    ("def f(x): return '__import__(\"sys\").modules'", "assert 'coderl_env' not in eval(f(1))", OK),
]  # fmt: skip


@pytest.mark.parametrize(("program", "code", "verdict"), CASES)
def test_an_object_is_what_it_is_in_plain_python(judge: Judge, program: str, code: str, verdict: Verdict) -> None:
    assert judge.judge(program, Problem("p", "", (AssertCase(code),))).cases[0].verdict is verdict


def test_a_test_that_the_answer_ends_is_a_failed_one(judge: Judge) -> None:
    problem = Problem("p", "", (AssertCase("exec(f(1))"), AssertCase("assert f(1)")))
    judged = judge.judge("def f(x): return '__import__(\"os\")._exit(0)'", problem)
    assert [case.verdict for case in judged.cases] == [WRONG, OK]
    assert judged.cases[0].error_message == "the test's process ended"


def test_threads_of_a_test_take_turns(judge: Judge) -> None:
    program = "class Counter2:\n    n = 0\n    def add(self): self.n += 1"
    code = """
import threading
c = Counter2()
threads = [threading.Thread(target=lambda: [c.add() for _ in range(20)]) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert c.n == 160
"""
    assert judge.judge(program, Problem("p", "", (AssertCase(code),))).cases[0].verdict is OK


def test_threads_that_a_test_leaves_disturb_no_other(judge: Judge) -> None:
    left = "import threading\ndef ask():\n    while True: f(1)\nthreading.Thread(target=ask, daemon=True).start()\nf(1)"
    problem = Problem("p", "", (AssertCase(left), *[AssertCase(f"assert f({n}) == {n}") for n in range(20)]))
    assert {case.verdict for case in judge.judge("def f(x): return x", problem).cases} == {OK}
