"""Asserts and special checkers: run by a trusted process, decided by nothing that the program defines."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from coderl_env.judge import Judge, Limits, asserts, sandbox
from coderl_env.outcome import CaseResult, Outcome, Verdict
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

OK, WRONG, RAISED, SLOW = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.EXCEPTION, Verdict.TIME_LIMIT


def judge_assert(judge: Judge, program: str, code: str, starter_code: str = "", entry_point: str = "f") -> CaseResult:
    problem = Problem("p", "", (AssertCase(code),), starter_code=starter_code, entry_point=entry_point)
    return judge.judge(program, problem).cases[0]


POINT = """
class Point:
    def __init__(self, x, y=0):
        self.x, self.y = x, y
    def moved(self, by=1):
        return Point(self.x + by, self.y)
    def __eq__(self, other):
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)
    def __repr__(self):
        return f"Point({self.x})"
def f(x):
    return Point(x)
"""

STOPS = """
class Stops:
    def solve(self, n):
        raise StopIteration
    def __iter__(self):
        raise StopIteration
def f(n):
    return Stops().solve
Stops.answer = property(lambda self: self.solve(0))
"""
ARRAY = """
import struct
class Array:
    def __init__(self, numbers):
        self.__array_interface__ = {
            "shape": (len(numbers),), "typestr": "<i8", "version": 3, "data": struct.pack(f"{len(numbers)}q", *numbers)
        }
def f(numbers):
    return Array(numbers)
"""
HOLDER = """
class Solution:
    def solve(self, n):
        return n
    def itself(self, n):
        return self
    def __contains__(self, item):
        return True
    def __len__(self):
        return 1
"""

CASES = [
    ("def f(x): return x + 1", "assert f(1) == 2", OK),
    ("def f(x): return x + 1", "assert f(1) == 3", WRONG),
    ("def f(x): return x + 1", "assert f(1) == 2\nassert f(2) == 4", WRONG),
    ("def f(x): return x + 1", "assert f(x=1) == 2", OK),
    ("def f(*a, **k): return [a, k]", "assert f(1, b=2) == [(1,), {'b': 2}]", OK),
    ("def f(x): return x + 1", "def check(candidate):\n    assert candidate(1) == 2\ncheck(f)", OK),
    ("def f(x): return x + 1", "import math\nassert math.isclose(f(0.5), 1.5)", OK),
    ("def f(x): return x + 1", "assert all(f(n) == n + 1 for n in range(5))", OK),
    ("def f(x): return x + 1", "assert list(map(f, [1, 2])) == [2, 3]", OK),
    ("def f(x): return x + 1", "assert sorted([3, 1], key=f) == [1, 3]", OK),
    ("def f(x): return x + 1", "assert abs(f(1) - 2) < 1e-9", OK),
    ("def f(x): return {1: [x, (2, {3})]}", "assert f(0) == {1: [0, (2, {3})]}", OK),
    ("def f(x): x.append(4)", "a = [1]\nf(a)\nassert a == [1, 4]", OK),
    ("def f(x): x['b'] = 2", "a = {'a': 1}\nf(a)\nassert a == {'a': 1, 'b': 2}", OK),
    ("def f(x): x.add(2)", "a = {1}\nf(a)\nassert a == {1, 2}", OK),
    ("def f(x): x = x + [4]", "a = [1]\nf(a)\nassert a == [1, 4]", WRONG),
    ("def f(x): raise KeyError(x)", "assert f(1) == 2", RAISED),
    ("def f(x): return g(x)", "assert f(1) == 2", RAISED),
    ("def f(x): raise EOFError", "assert f(1) == 2", RAISED),
    ("def f(x): return input()", "assert f(1) == 2", RAISED),
    ("def f(x): raise ExceptionGroup('two', [ValueError()])", "assert f(1) == 2", RAISED),
    ("class Mine(Exception): pass\ndef f(x): raise Mine(x)", "assert f(1) == 2", RAISED),
    ("def f(x): raise SystemExit(0)", "assert f(1) == 2", RAISED),
    ("def f(x): raise KeyError(x)", "try:\n    f(1)\n    assert False\nexcept KeyError: pass", OK),
    ("def f(x): raise KeyError(x)", "try:\n    f(1)\n    assert False\nexcept ValueError: pass", RAISED),
    ("def f(x): raise ValueError('no')", "try: f(1)\nexcept ValueError as e: assert e.args == ('no',)", OK),
    ("def f(x): raise UnicodeDecodeError('a', b'', 0, 1, 'b')", "try: f(1)\nexcept UnicodeDecodeError: pass", OK),
    ("def f(x): return 1", "try: f(1)\nexcept KeyError: pass\nelse: raise ValueError", WRONG),
    ("def g(x): return x", "assert f(1) == 1", RAISED),
    ("f = 5", "assert f(1) == 1", RAISED),
    ("raise ValueError('at import')", "assert f(1) == 1", RAISED),
    ("def f(x): return 1", "assert True", WRONG),
    ("def f(x):\n    while True: pass", "assert f(1) == 1", SLOW),
    ("def f(x):\n    while True: pass", "try: f(1)\nexcept BaseException: pass", SLOW),
    ("def f(x):\n    while True: pass", "while True:\n    try: f(1)\n    except BaseException: pass", SLOW),
    ("import os\ndef f(x): os._exit(0)", "try: f(1)\nexcept: pass", RAISED),
    # Objects stay with the program; they may be passed back, called and iterated over.
    (POINT, "p = f(1)\nassert p.x == 1 and p.moved(by=2).x == 3", OK),
    (POINT, "p = Point(1, y=2)\nassert (p.x, p.y) == (1, 2)", OK),
    (POINT, "p = f(1)\np.x = 5\nassert p.moved().x == 6", OK),
    (POINT, "assert f(1) == Point(1)", OK),
    (POINT, "assert f(1) == Point(2)", WRONG),
    ("def f(n):\n    yield from range(n)", "assert list(f(3)) == [0, 1, 2]", OK),
    ("def f(n):\n    return lambda m: n + m", "assert f(1)(2) == 3", OK),
    ("def f(xs, kind): return [x for x in xs if type(x) is kind]", "assert f([1, 'a'], int) == [1]", OK),
    ("def f(x): return type(x)", "assert f(1) is int", OK),
    ("def f(x): return str", "assert f(1) is int", WRONG),
    # Nothing of the program decides.
    ("class Yes:\n    def __eq__(self, other): return True\ndef f(x): return Yes()", "assert f(1) == 2", WRONG),
    ("class Yes(int):\n    def __eq__(self, other): return True\ndef f(x): return Yes(3)", "assert f(1) == 2", WRONG),
    ("class Yes:\n    def __bool__(self): return True\ndef f(x): return Yes()", "assert f(1)", WRONG),
    ("class Yes:\n    def __len__(self): return 2\ndef f(x): return Yes()", "assert len(f(1)) == 2", WRONG),
    ("class Yes:\n    def __lt__(self, other): return True\ndef f(x): return Yes()", "assert f(1) < 2", WRONG),
    ("class Yes:\n    def __contains__(self, other): return True\ndef f(x): return Yes()", "assert 5 in f(1)", WRONG),
    ("import builtins\nbuiltins.abs = lambda x: 0\ndef f(x): return 9", "assert abs(f(1) - 2) < 1e-9", WRONG),
    ("import math\nmath.cos = lambda x: 1\ndef f(x): return 9", "import math\nassert math.cos(f(1)) == 1", WRONG),
    ("def abs(x): return 0\ndef f(x): return 9", "assert abs(f(1)) == 0", WRONG),
    # What ends an iteration comes from an iterator's `__next__` alone.
    ("def f(x): return iter([x])", "assert next(f(1)) == 1", OK),
    ("def f(x): return iter([])", "assert next(f(1), 5) == 5", OK),
    ("def f(x): return iter([])", "assert [n + 1 for n in f(1)] == []", OK),
    ("def f(x): raise StopIteration", "try: f(1)\nexcept RuntimeError: pass", OK),
    (STOPS, "assert all(map(lambda n: f(n)(n) == n, [1, 2]))", RAISED),
    (STOPS, "assert all(map(lambda n: Stops().solve(n) == n, [1, 2]))", RAISED),
    (STOPS, "assert all(map(lambda n: Stops().answer == n, [1, 2]))", RAISED),
    (STOPS, "assert all(map(lambda n: list(Stops()) == n, [1, 2]))", RAISED),
    # Libraries ask any object for such attributes, and believe them.
    (ARRAY, "import numpy\nassert numpy.array_equal(f([1, 2]), [1, 2])", WRONG),
    (ARRAY, "assert f([1, 2]).__array_interface__", WRONG),
    ("def f(x): return lambda: x", "assert f(1).__name__ == '<lambda>'", OK),
    # Objects of the class that only holds functions are no answers.
    (HOLDER, "assert Solution().solve(3) == 3", OK),
    (HOLDER, "assert 5 in Solution().itself(3)", WRONG),
    (HOLDER, "assert len(Solution().itself(3)) == 1", WRONG),
]  # fmt: skip


@pytest.mark.parametrize(("program", "code", "verdict"), CASES)
def test_a_test_is_decided(judge: Judge, program: str, code: str, verdict: Verdict) -> None:
    assert judge_assert(judge, program, code).verdict is verdict


HELPED = '''
from typing import List
import math

def helper(x):
    """Return twice x."""
    return 2 * x

def stub(x):
    """Nothing here."""

def f(x: int) -> int:
    """ Return 2x + 1. """
'''


def test_helpers_come_from_the_starter_code_and_never_from_the_program(judge: Judge) -> None:
    program = "def helper(x): return 0\ndef stub(x): return x\ndef f(x): return 2 * x + 1"
    assert judge_assert(judge, program, "assert f(3) == helper(3) + 1", HELPED).verdict is OK
    assert judge_assert(
        judge, "def helper(x): return 0\ndef f(x): return 1", "assert f(3) == helper(3) + 1", HELPED
    ) == (CaseResult(WRONG, error_message="AssertionError: "))
    assert judge_assert(judge, program, "assert stub(3) == 3", HELPED).verdict is OK
    assert judge_assert(judge, program, "assert math.floor(f(3)) == 7", HELPED).verdict is OK


def test_the_entry_point_may_have_a_builtins_name(judge: Judge) -> None:
    program = "def sum(a, b): return a + b"
    assert judge_assert(judge, program, "assert sum(1, 2) == 3", entry_point="sum").verdict is OK


def test_each_test_says_where_and_how_the_program_failed(judge: Judge) -> None:
    found = judge_assert(judge, "def f(x):\n    return 1 // x", "assert f(0) == 1")
    assert (found.error_type, found.error_line, found.error_message) == (
        "ZeroDivisionError",
        2,
        "integer division or modulo by zero",
    )


@pytest.mark.skipif(sandbox.landlock_abi() < 1, reason="the system confines no process")
@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("open({path!r}, 'w').close()", True),
        ("__import__('os').mkdir({path!r})", True),
        ("__import__('os').system('mkdir {path}')", False),
    ],
)
def test_code_that_a_test_evaluates_does_no_harm(judge: Judge, tmp_path: Path, code: str, refused: bool) -> None:
    """Some tests run what a program returns: in its own process, or else in a confined one."""
    made = tmp_path / "made"
    program = f"def f(x): return {code.format(path=str(made))!r}"
    for run in ("eval", "exec"):
        found = judge_assert(judge, program, f"{run}(f(1))\nassert False").verdict
        assert found is (Verdict.FORBIDDEN if refused else WRONG)
        assert judge_assert(judge, program, f"import builtins\nbuiltins.{run}(f(1))\nassert False").verdict is WRONG
    assert not made.exists()


@pytest.mark.parametrize("code", ["assert (", "\0", "return 5"])
def test_a_test_that_cannot_run_is_the_callers_fault(judge: Judge, code: str) -> None:
    with pytest.raises(ValueError, match=r"problem 'p': its test .* cannot be run"):
        judge_assert(judge, "def f(x): return x", code)
    assert judge_assert(judge, "def f(x): return x", "assert f(1) == 1").verdict is OK


def test_starter_code_that_cannot_run_is_the_callers_fault(judge: Judge) -> None:
    with pytest.raises(ValueError, match="No module named 'no_such_module'"):
        judge_assert(judge, "def f(x): return x", "assert f(1) == 1", starter_code="import no_such_module\n")


def test_a_test_that_does_not_return_is_a_time_limit() -> None:
    with Judge(workers=1, limits=Limits(wall_seconds=0.5)) as judge:
        found = judge_assert(judge, "def f(x): return x", "f(1)\nwhile True: pass")
        assert (found.verdict, found.error_message) == (SLOW, "the test took too long")
        assert judge_assert(judge, "def f(x): return x", "assert f(1) == 1").verdict is OK


# A test's own class, as of LeetCode's trees and lists: its objects travel by value; the program's code never decides.
NODES = """
class Node:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next
def chain(values):
    first = None
    for value in reversed(values):
        first = Node(value, first)
    return first
def same(p, q):
    if not p and not q:
        return True
    if not p or not q or p.val != q.val:
        return False
    return same(p.next, q.next)
"""
REVERSE = """
def f(head):
    back = None
    while head:
        head.next, back, head = back, head, head.next
    return back
"""
# Falsy when first asked and truthy when asked again; equal to everything.
CHAMELEON = """
class Node:
    asked = 0
    def __bool__(self):
        Node.asked += 1
        return Node.asked % 2 == 0
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    @property
    def next(self): return self
    val = next
def f(head=None): return Node()
"""
CHAINS = [
    (NODES + REVERSE, "assert same(f(chain([1, 2, 3])), chain([3, 2, 1]))", OK),
    (NODES + REVERSE, "assert same(f(head=chain([1, 2, 3])), chain([3, 1, 2]))", WRONG),
    (NODES + REVERSE, "assert f(None) is None", OK),
    (NODES + REVERSE, "assert f(chain(list(range(400)))).val == 399", OK),
    (NODES + REVERSE, "head = chain([1, 2])\nback = f(head)\nassert head.next is None and back.next is head", OK),
    (NODES + REVERSE, "head = chain([1, 2])\nassert f(f(head)) is head and head.next.val == 2", OK),
    (NODES + REVERSE, "head = chain([1, 2])\nf(head)\nhead.val = 7\nassert f(head).val == 7", OK),
    (NODES + "def f(h): return [h, {1: h.next}]", "h = chain([1, 2])\nassert f(h) == [h, {1: h.next}]", OK),
    (NODES + "def f(n): return Node(n, [Node(n)])", "assert f(3).next[0].val == 3", OK),
    (NODES + "def f(h): h.next = h; return h", "h = f(chain([1]))\nassert h.next is h and h.next.next.val == 1", OK),
    (NODES + "def f(hs): hs.reverse()", "hs = [Node(1), Node(2)]\nf(hs=hs)\nassert [h.val for h in hs] == [2, 1]", OK),
    (NODES + "def f(h): return h.val", "h = Node(5)\nh.next = h\nassert f(h) == 5", OK),
    # As if both stood in one file.
    ("def f(h): return h.val", "assert f(Node(5)) == 5", OK),
    (NODES + "def f(h): h.val = Node\n    ", "h = Node(5)\nf(h)\nassert h.val == 5", WRONG),
    (CHAMELEON, "assert same(f(), chain([1, 2]))", WRONG),
    (CHAMELEON, "assert same(f(), chain([0]))", WRONG),
    (NODES + "class Yes:\n    def __ne__(self, o): return False\n    def __eq__(self, o): return True\n"
     "def f(h): return Node(Yes())", "assert same(f(None), chain([1]))", WRONG),
]  # fmt: skip


@pytest.mark.parametrize(("program", "code", "verdict"), CHAINS)
def test_objects_of_a_tests_own_class_travel_by_value(judge: Judge, program: str, code: str, verdict: Verdict) -> None:
    assert judge_assert(judge, program, f"{NODES}\n{code}").verdict is verdict


@pytest.mark.slow
def test_objects_without_end_are_a_verdict(judge: Judge) -> None:
    endless = "    def __getattribute__(self, name): return {'val': 1, 'next': Node()}\n"
    program = f"class Node:\n{endless}def f(): return Node()"
    found = judge_assert(judge, program, f"{NODES}\nassert f().next.next is None")
    assert found.verdict in (WRONG, SLOW)


NODE_OF_THE_TEST = "class Node:\n    def __init__(self, val): self.val = val\n"
NODES_OF_BOTH = NODE_OF_THE_TEST + "def f(g, node): return g(node)"

LATE = """
import threading
ran = []
def f(g=None):
    if g is None:
        return ran
    threading.Timer(0.05, lambda: ran.append(g())).start()
"""
KINDS = """
from collections import *
import math
def f(x=None): return x
def g(x): return type(x).__name__
def add(x, item):
    x.append(item) if isinstance(x, (list, deque)) else x.update(item)
"""
VALUES = [
    (KINDS, "assert f(range(5)) == range(5) and g(range(5)) == 'range'", OK),
    (KINDS, "assert len(f(range(1 << 21))) == 1 << 21", WRONG),
    (KINDS, "assert f(range(1 << 80))[7] == 7 and next(iter(f(range(1 << 21)))) == 0", OK),
    (KINDS, "d = f(deque([1, 2], 2))\nassert d == deque([1, 2]) and d.maxlen == 2", OK),
    (KINDS, "d = deque([1])\nadd(d, 2)\nassert d == deque([1, 2])", OK),
    (KINDS, "assert f(deque([1])) == [1]", WRONG),
    (KINDS, "assert f(Counter('aab')).most_common(1) == [('a', 2)] and g(Counter()) == 'Counter'", OK),
    (KINDS, "c = Counter('a')\nadd(c, 'ab')\nassert c == Counter('aab')", OK),
    (KINDS, "assert list(f(OrderedDict([('b', 1), ('a', 2)]))) == ['b', 'a']", OK),
    (KINDS, "assert g(OrderedDict()) == 'OrderedDict'", OK),
    (KINDS, "d = f(defaultdict(list, a=[1]))\nassert d['b'] == [] and d == {'a': [1], 'b': []}", OK),
    (KINDS, "assert g(defaultdict(lambda: 5)) == 'defaultdict'", OK),
    (KINDS, "assert f([deque([Counter('a')])]) == [deque([Counter('a')])]", OK),
    ("class D(dict):\n    def __missing__(self, k): return 1\ndef f(x): return D()", "assert f(1)[5] == 1", WRONG),
    ("def f(x): return next(x) + sum(x)", "assert f(iter([1, 2, 3])) == 6", OK),
    ("def f(x): return sum(x)", "assert f(map(int, '12')) == 3 and f(n for n in range(3)) == 3", OK),
    ("def f(x): return list(x)", "assert f(zip('ab', [1, 2])) == [('a', 1), ('b', 2)]", OK),
    ("def f(x): return [next(x) for _ in 'x' * 2500]", "import itertools\nassert f(itertools.count())[-1] == 2499", OK),
    ("def f(x): return sum(1 for _ in x)", "assert f(iter(range(3000))) == 3000 and f(iter(range(1000))) == 1000", OK),
    ("def f(x): return x", "assert list(f(iter([1, 2]))) == [1, 2]", OK),
    # Functions of the standard library go by name, those of the test are called back.
    ("def f(g, x): return g(x)", "import math\nassert f(math.sqrt, 4) == 2 and f(str.upper, 'a') == 'A'", OK),
    ("def f(g, x): return g(x, x)", "import operator\nassert f(operator.add, 2) == 4 and f(max, 2) == 2", OK),
    ("def f(g, x): return g(x)", "import collections\nassert f(collections.Counter, 'aa')['a'] == 2", OK),
    ("def f(g): return issubclass(g, Exception)", "assert f(KeyError)", OK),
    ("def f(g, x): return [g(n) for n in x]", "assert f(lambda n: 2 * n, [1, 2]) == [2, 4]", OK),
    ("def f(g, x): return sorted(x, key=g)", "def g(word): return word[-1]\nassert f(g, ['b', 'a']) == ['a', 'b']", OK),
    ("def f(g, x): return g(x=x)", "assert f(lambda x: x, 3) == 3 and f(lambda x=1, *, y=2: x + y, 3) == 5", OK),
    ("def f(g): return g.__name__, g.__code__.co_argcount", "def h(a, b): pass\nassert f(h) == ('h', 2)", OK),
    ("def f(g, x): return g(x)\ndef double(x): return 2 * x", "assert f(double, 3) == 6", OK),
    ("def f(g, x): return g(x)\ndef h(x): return -x", "assert f(lambda n: h(n) + f(lambda m: 9 * m, n), 2) == 16", OK),
    ("def f(g, n): return g(n)", "def g(n): return 0 if n == 0 else 1 + f(g, n - 1)\nassert f(g, 40) == 40", OK),
    ("def f(g, n): return g(n)", "def g(n): return 1 + f(g, n + 1)\nf(g, 0)", RAISED),
    ("def f(g):\n    a = [[1]]\n    g(a)\n    return a", "assert f(lambda a: a.append(2)) == [[1], 2]", OK),
    ("def f(g):\n    a = [[1]]\n    b = a[0]\n    g(a)\n    return a[0] is b", "assert f(len) and f(lambda a: a)", OK),
    ("def f(g): return g", "h = f(lambda n: n + 1)\nassert h(1) == 2", OK),
    ("def f(g):\n    try: g()\n    except KeyError as e: return e.args",
     "def g(): raise KeyError('k', 1)\nassert f(g) == ('k', 1)", OK),
    ("def f(g):\n    try: g()\n    except UnicodeError: return 1", "def g(): b'\\xff'.decode()\nassert f(g) == 1", OK),
    ("def f(g): g()", "class Mine(ValueError): pass\ndef g(): raise Mine\ntry: f(g)\nexcept ValueError: pass", OK),
    ("def f(g): g()", "def g(): raise KeyError('k')\nf(g)", RAISED),
    ("from concurrent.futures import ThreadPoolExecutor\ndef f(g): return list(ThreadPoolExecutor(4).map(g, range(9)))",
     "assert f(lambda n: n * n) == [n * n for n in range(9)]", OK),
    (NODES_OF_BOTH, "assert f(lambda node: Node(node.val + 1), Node(1)).val == 2", OK),
    # A failed assertion decides, whoever catches it.
    ("def f(g):\n    try: g(1)\n    except BaseException: pass", "def g(x): assert x == 2\nf(g)", WRONG),
    ("def f(g): g(1)", "def g(x): assert x == 2\nf(g)", WRONG),
    # A function can be called only while the test waits, and only in its own test.
    (LATE, "import time\nf(lambda: 1)\ntime.sleep(0.3)\nassert f() == []", OK),
    ("def f(g):\n    while True: g(1)", "f(lambda x: x)", SLOW),
    ("def f(g): return g(range(1 << 20))", "assert f(lambda x: len(x)) == 1 << 20", OK),
    ("def f(g): return g([[]] * 5)", "assert f(lambda x: exit()) == 5", RAISED),
]  # fmt: skip


@pytest.mark.parametrize(("program", "code", "verdict"), VALUES)
def test_what_is_more_than_plain_data_goes_to_a_program(
    judge: Judge, program: str, code: str, verdict: Verdict
) -> None:
    names = "from collections import Counter, OrderedDict, defaultdict, deque\n"
    classes = NODE_OF_THE_TEST if "Node" in code else ""
    assert judge_assert(judge, program, f"{names}{classes}{code}").verdict is verdict


ARRAYS = [
    ("def f(x): return x.sum().item(), str(x.dtype)", "assert f(np.array([1, 2], dtype='f4')) == (3, 'float32')", OK),
    ("def f(x): return x.shape", "assert f(np.zeros((2, 0))) == (2, 0) and f(np.array(['a', 'bc'])) == (2,)", OK),
    ("def f(x): x.sort()", "a = np.array([2, 1])\nf(a)\nassert a.tolist() == [1, 2]", OK),
    ("def f(x): return type(x).__name__", "assert f(np.int64(1)) == 'int64' and f(np.float64(1)) == 'float64'", OK),
    ("def f(x): return type(x).__name__", "assert f(np.array([object], dtype=object)[0:0]) == 'list'", OK),
    ("def f(x): return {k: v + 1 for k, v in x.items()}", "assert f({np.int64(1): np.array([1])})[1] == [2]", OK),
    # To a test that knows numpy, arrays are arrays.
    ("import numpy\ndef f(x): return numpy.array(x)", "assert (f([1, 2]) == [1, 2]).all()", OK),
    ("import numpy\ndef f(x): return numpy.array(x)", "assert f([1, 2]) == [1, 2]", WRONG),
    ("import numpy\ndef f(x): return numpy.zeros(x)", "r = f((2, 3))\nassert r.shape == (2, 3) and r.sum() == 0", OK),
    ("def f(x): return {'a': x}", "a = np.array([1.5])\nassert f(a)['a'].sum() == 1.5", OK),
    ("def f(g): return g([1, 2])", "assert f(np.sum) == 3", OK),
]  # fmt: skip


@pytest.mark.parametrize(("program", "code", "verdict"), ARRAYS)
def test_numpys_arrays_stay_arrays_on_their_way_to_a_program(
    judge: Judge, program: str, code: str, verdict: Verdict
) -> None:
    pytest.importorskip("numpy")
    assert judge_assert(judge, program, f"import numpy as np\n{code}").verdict is verdict


VECTOR = """
class V:
    def __init__(self, x): self.x = x
    def __eq__(self, o): return isinstance(o, V) and self.x == o.x
    def __lt__(self, o): return self.x < o.x
    def __add__(self, o): return V(self.x + o.x)
    def __sub__(self, o): return V(self.x - o) if isinstance(o, int) else NotImplemented
    def __rmul__(self, n): return V(n * self.x)
    def __mul__(self, o): return self.x * o.x
    def __neg__(self): return V(-self.x)
    def __abs__(self): return abs(self.x)
    def __iadd__(self, o): self.x += o.x; return self
    def __bool__(self): return True
    def __str__(self): return f"<{self.x}>"
    def __repr__(self): return f"V({self.x})"
    def __format__(self, spec): return format(self.x, spec)
    def __setitem__(self, key, value): self.x = value
class W(V): pass
def f(x): return V(x)
def number(x):
    class Number(V):
        pass
    return Number(x)
"""
OPERATORS = [
    ("assert V(1) + V(2) == V(3) and -V(1) == V(-1) and 3 * V(2) == V(6)", OK),
    ("assert V(1) + V(2) == V(4)", WRONG),
    ("assert V(2) * V(3) == 6 and abs(V(-2)) == 2", OK),
    ("assert str(V(1)) == '<1>' and repr([V(1)]) == '[V(1)]' and f'{V(1):03}' == '001' and f'{V(1)!r}' == 'V(1)'", OK),
    ("assert str(f(1)) == '<1>' and str(V) != '<1>'", OK),
    ("assert V(3) > V(1) and not V(1) > V(3) and V(1) != V(2) and max(V(1), V(3)) == V(3)", OK),
    ("assert sorted([V(2), V(1)])[0].x == 1", OK),
    ("assert V(1) <= V(2)", RAISED),
    ("assert V(1) - V(2)", RAISED),
    ("try: V(1) // 2\nexcept TypeError: pass\nelse: assert False", OK),
    ("assert isinstance(V(1), V) and isinstance(W(1), (int, V)) and not isinstance(V(1), W) and issubclass(W, V)", OK),
    ("assert not isinstance(f(1), int) and not isinstance(3, V)", OK),
    ("a = b = V(1)\na += V(1)\nassert b.x == 2", OK),
    ("a = V(1)\na[0] = 5\nassert a.x == 5", OK),
    ("assert sum([V(1), V(2)], V(0)) == V(3)", OK),
    ("assert str(2 * V(3)) == '<6>' and (2 * V(3)).x == 6", OK),
    # What has been told what the test expects says nothing but of itself, and to another of its kind.
    ("assert abs(V(9) - 6) == 3", WRONG),
    ("assert -(V(9) - 6) == V(-3)", OK),
    ("assert V(9) - 6", WRONG),
    ("assert V(2) * (V(9) - 6) == 6", WRONG),
    ("v = V(9)\nassert v - 6 == V(3) and abs(v) == 9", OK),
    ("assert V(1) != 1 and not V(1) == 1", OK),
    ("assert (V(9) - 6) or True", WRONG),
    ("V\nassert number(1) == V(1)", WRONG),
    ("V\nassert number(1) + V(1) == V(2)", WRONG),
    ("assert abs(f(3)) == 3", WRONG),
]


@pytest.mark.parametrize(("code", "verdict"), OPERATORS)
def test_operators_of_a_programs_class_work_as_in_python(judge: Judge, code: str, verdict: Verdict) -> None:
    assert judge_assert(judge, VECTOR, code).verdict is verdict


UNSENDABLE = [
    "import re\ntry: f([1, {2: re}])\nexcept TypeError: pass",
    "import re\nassert f(x for x in [re])",
    "a = ()\nfor _ in range(300): a = (a,)\nassert f(a)",
    "import sys\nassert f(sys) == 1",
    "import pathlib\nassert f(pathlib.Path('/')) == 1",
    "assert f(open('/dev/null')) == 1",
]


@pytest.mark.parametrize("code", UNSENDABLE)
def test_what_cannot_be_sent_is_the_callers_fault(judge: Judge, code: str) -> None:
    with pytest.raises(ValueError, match=r"problem 'p': its test .* cannot be run: .*(cannot pass a|nested)"):
        judge_assert(judge, "def f(x): return 1", code)
    assert judge_assert(judge, "def f(x): return x", "assert f(1) == 1").verdict is OK


PROVOKED = [
    ("def f(x): raise ValueError", "try: x = f(1)\nexcept Exception as error: x = error\nassert f(x) == 1"),
    ("def f(x): return 1", "import re\nassert f({0: 5, 1: re.compile('a')}[f(1)]) == 5"),
    ("def f(x):\n    a = []\n    for _ in range(190): a = [a]\n    return a",
     "a = f(1)\nfor _ in range(20): a = [a]\nassert f(a) == 1"),
    ("def f(g): return g(7)", "import re\nassert f({5: 5, 7: re.compile('a')}.get) == 5"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "code"), PROVOKED)
def test_no_program_makes_the_judge_raise(judge: Judge, program: str, code: str) -> None:
    assert judge_assert(judge, program, code).verdict in (WRONG, RAISED)


FORGED = """
import json, os, struct
def send(header):
    text = json.dumps(header).encode()
    os.write(3, struct.pack("!II", len(text), 0) + text)
def f(x, g=None):
    send(HEADER)
    return x
"""


@pytest.mark.parametrize(
    "header",
    [
        {"callback": 0, "call": [[1], {"d": []}]},
        {"callback": -1, "call": [[1], {"d": []}]},
        {"callback": 10**30, "call": [[1], {"d": []}]},
        {"callback": True, "call": [[1], {"d": []}]},
        {"callback": "0", "call": [[1], {"d": []}]},
        {"callback": 0},
        {"callback": 0, "call": 5},
        {"callback": 0, "call": {"t": [[1], {"d": [[1, 2]]}]}},
        {"callback": 0, "call": [[{"x": ["named", ["os", "system"]]}], {"d": []}]},
        {"value": {"x": ["named", ["os", "system"]]}, "args": []},
        {"value": 2},
        {"value": 2, "args": 5},
    ],
)
def test_forged_calls_of_a_tests_functions_decide_nothing(judge: Judge, header: object) -> None:
    program = FORGED.replace("HEADER", repr(header))
    # A program that says that it returns 2 returns 2.
    allowed = {OK} if isinstance(header, dict) and header.get("value") == 2 else set()
    for code in ("assert f(1) == 2", "assert f(1, lambda n: 2) == 2"):
        assert judge_assert(judge, program, code).verdict in {WRONG, RAISED, Verdict.FORBIDDEN} | allowed
    problem = Problem("p", "", (CallCase((1,), 2),), entry_point="f")
    judged = judge.judge(program.replace("def f(x, g=None)", "def f(x)"), problem)
    assert judged.cases[0].verdict in set(Verdict) - {OK} | allowed
    assert judge_assert(judge, "def f(x): return x", "assert f(1) == 1").verdict is OK


def test_a_call_and_what_it_calls_back_share_one_limit_of_processor_time() -> None:
    """Else a program would get more time the more often it calls a function of the test."""
    program = (
        "import time\ndef f(g):\n    for _ in range(6):\n        end = time.process_time() + 0.2\n"
        "        while time.process_time() < end: pass\n        g(1)\n"
    )
    with Judge(workers=1, limits=Limits(cpu_seconds=0.5, wall_seconds=10.0)) as judge:
        assert judge_assert(judge, program, "f(lambda n: n)").verdict is SLOW
        assert judge_assert(judge, program.replace("6", "2"), "f(lambda n: n)").verdict is OK


def test_many_bytes_leave_no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few large answers keep a worker as busy as many small ones."""
    monkeypatch.setattr(asserts, "_MANY_BYTES", 1 << 22)
    program = "def f(n):\n    while True: yield 'x' * (1 << 20)"
    with Judge(workers=1, limits=Limits(cpu_seconds=1.0, wall_seconds=2.0, program_cpu_seconds=60.0)) as judge:
        assert judge_assert(judge, "def f(x): return x", "assert f(1) == 1").verdict is OK
        started = time.monotonic()
        assert judge_assert(judge, program, "for text in f(1): pass").verdict is SLOW
        assert time.monotonic() - started < 9.0  # with grace 12


ANY_ORDER = """
def check(stdin, expected, output):
    return sorted(output.split()) == sorted(expected.split())
"""


def checked(checker: str) -> Problem:
    return Problem("p", "", (StdioCase("3\n", "1 2 3\n"), StdioCase("2\n", "1 2\n")), checker=checker)


def test_a_special_checker_decides_instead_of_the_comparator(judge: Judge) -> None:
    right = judge.judge("print(*range(int(input()), 0, -1))", checked(ANY_ORDER))
    assert (right.outcome, right.comparator) == (Outcome.PASSED, "checker")
    wrong = judge.judge("print(1, 2)", checked(ANY_ORDER))
    assert [case.verdict for case in wrong.cases] == [WRONG, OK]
    assert judge.judge("print(1, 2, 3); 1 / 0", checked(ANY_ORDER)).outcome is Outcome.RUNTIME_ERROR


def test_a_special_checker_sees_input_and_undecodable_output(judge: Judge) -> None:
    checker = "def check(stdin, expected, output):\n    return output == stdin + chr(0xfffd)"
    program = "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read() + bytes([255]))"
    assert judge.judge(program, checked(checker)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("checker", "message"),
    [
        ("def check(stdin, expected, output): return 1 / 0", "its checker failed with ZeroDivisionError"),
        ("def check(stdin, expected, output): raise SystemExit", "its checker failed with SystemExit"),
        ("def check(stdin): return True", "its checker failed with TypeError"),
        ("def other(): pass", "its checker failed with KeyError: 'check'"),
        ("def check(", "its checker failed with SyntaxError"),
        ("import no_such_module", "its checker failed with ModuleNotFoundError"),
    ],
)
def test_a_broken_checker_is_the_callers_fault(judge: Judge, checker: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"problem 'p': {message}"):
        judge.judge("print(1)", checked(checker))
    assert judge.judge("print(1, 2)", checked(ANY_ORDER)).cases[1].verdict is OK


def test_an_endless_checker_is_the_callers_fault() -> None:
    with Judge(workers=1, limits=Limits(wall_seconds=0.5)) as judge:
        with pytest.raises(ValueError, match=r"problem 'p': its checker took more than 0\.5 s"):
            judge.judge("print(1)", checked("def check(stdin, expected, output):\n    while True: pass"))
        assert judge.judge("print(1, 2)", checked(ANY_ORDER)).cases[1].verdict is OK
