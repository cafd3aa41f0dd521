"""What a test passes to a program is for the program what it would be in plain Python, and no more."""

from __future__ import annotations

import pytest

from coderl_env.judge import Judge
from coderl_env.outcome import Verdict
from coderl_env.problem import AssertCase, Problem

OK, WRONG, RAISED = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.EXCEPTION

PROGRAM = """
import asyncio, functools
LISTENERS = []
LIMIT = 3
NAMES = ["a"]
def on(listener):
    LISTENERS.append(listener)
def off(listener):
    LISTENERS.remove(listener)
def ident(x):
    return x
def attempt(g, kind=ValueError):
    try:
        return g()
    except kind as error:
        return type(error).__name__
def twice(g):
    @functools.wraps(g)
    def both(*args):
        g(*args)
        return g(*args)
    return both
def through(g):
    return g()
def norm(p):
    return p.x ** 2 + p.y ** 2
def total(node):
    return 0 if node is None else node.value + total(node.next)
def set_value(node):
    node.value = 7
def fetch(client):
    client.log.append("fetch")
    return client.get("url", timeout=LIMIT) + client.base
def write(stream):
    stream.write("hello")
def hello(name):
    print("Hello", name)
    return len(name)
def count():
    global LIMIT
    LIMIT += 1
async def agen(n):
    for i in range(n):
        yield i
class Session:
    open = False
    async def __aenter__(self):
        self.open = True
        return self
    async def __aexit__(self, kind, error, trace):
        self.open = False
        return kind is KeyError
def reverse(data):
    data.reverse()
"""
NODE = "class Node:\n    __slots__ = ('value', 'next')\n    def __init__(self, value, next=None):\n"
NODE += "        self.value, self.next = value, next\n"
FROZEN = (
    "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Node:\n    value: int\n    next: 'Node' = None\n"
)
FAKE = """
class Fake:
    base = 40
    def __init__(self):
        self.log = []
    def get(self, url, timeout):
        self.log.append((url, timeout))
        return 2
"""
TREE = """
class Tree:
    KIND = "a tree"
    def __init__(self, value, *rest):
        self.value = value
        self.next = rest[0] if rest else None
"""
ERROR = "class Mine(ValueError): pass\ndef fail(): raise Mine('m')\n"

CASES = [
    # Functions are themselves.
    ("def h(): pass\non(h)\noff(h)\nassert ident(h) is h", OK),
    ("def h(): pass\non(h)\noff(lambda: None)", RAISED),
    (("def h(x):\n    'Says x.'\n    return x\n"
     "t = twice(h)\nassert t(3) == 3 and t.__name__ == 'h' and t.__doc__ == 'Says x.'"), OK),
    # So are exceptions of the test, and their classes.
    (ERROR + "try: through(fail)\nexcept Mine as e: assert str(e) == 'm'\nelse: assert False", OK),
    (ERROR + "assert attempt(fail) == 'Mine' and attempt(fail, Mine) == 'Mine'", OK),
    (ERROR + "attempt(fail, KeyError)", RAISED),
    (ERROR + "e = Mine('x')\nassert ident(e) is e and ident(Mine) is Mine", OK),
    # Objects travel by value, with slots or frozen; what has more to it stays with the test.
    (NODE + "assert total(Node(1, Node(2))) == 3", OK),
    (NODE + "n = Node(1)\nset_value(n)\nassert n.value == 7", OK),
    (FROZEN + "assert total(Node(1, Node(2))) == 3", OK),
    (TREE + "assert total(Tree(1, Tree(2))) == 3", OK),
    (TREE + "n = Tree(1)\nset_value(n)\nassert n.value == 7", OK),
    (FAKE + "c = Fake()\nassert fetch(c) == 42 and c.log == ['fetch', ('url', 3)] and ident(c) is c", OK),
    (("from unittest.mock import MagicMock\nc = MagicMock(base=40)\nc.get.return_value = 2\nassert fetch(c) == 42\n"
     "c.get.assert_called_once_with('url', timeout=3)"), OK),
    ("import io\ns = io.StringIO()\nwrite(s)\nassert s.getvalue() == 'hello'", OK),
    ("from collections import namedtuple\nP = namedtuple('P', 'x y')\nassert norm(P(3, 4)) == 25", OK),
    ("import re\nassert through(lambda: ident(re.compile('a+'))).match('aa').end() == 2", OK),
    ("b = bytearray(b'abc')\nreverse(b)\nassert b == b'cba'", OK),
    # The program's data.
    ("assert LIMIT == 3 and LIMIT + 1 == 4 and 2 < LIMIT and f'{LIMIT}' == '3'", OK),
    ("assert NAMES == ['a'] and 'a' in NAMES", OK),
    ("count()\nassert LIMIT == 4 and not LIMIT != 4", OK),
    ("NAMES.append('b')\nassert len(NAMES) == 2 and NAMES[1] == 'b'", OK),
    ("assert LIMIT == 4", WRONG),
    # What it prints, where the test listens.
    (("import io, contextlib\nout = io.StringIO()\n"
     "with contextlib.redirect_stdout(out):\n    assert hello('you') == 3\n"
     "assert out.getvalue() == 'Hello you\\n'"), OK),
    (("import io, sys\nsaved, sys.stdout = sys.stdout, io.StringIO()\n"
     "hello('a')\nhello('b')\nsaid = sys.stdout.getvalue()\n"
     "sys.stdout = saved\nassert said == 'Hello a\\nHello b\\n'"), OK),
    # Asynchronous iteration and contexts.
    ("import asyncio\nasync def t(): return [x async for x in agen(3)]\nassert asyncio.run(t()) == [0, 1, 2]", OK),
    (("import asyncio\nasync def t():\n    async with Session() as s:\n        assert s.open\n    assert not s.open\n"
     "asyncio.run(t())"), OK),
    (("import asyncio\nasync def t():\n    async with Session() as s:\n"
     "        assert s.open == 5\nasyncio.run(t())"), WRONG),
]  # fmt: skip


@pytest.mark.parametrize(("code", "verdict"), CASES)
def test_what_a_test_passes_is_what_it_would_be_in_plain_python(judge: Judge, code: str, verdict: Verdict) -> None:
    assert judge.judge(PROGRAM, Problem("p", "", (AssertCase(code),))).cases[0].verdict is verdict


@pytest.mark.slow
def test_a_long_list_of_the_tests_own_nodes_is_in_time(judge: Judge) -> None:
    program = "def length(node):\n    n = 0\n    while node:\n        n, node = n + 1, node.next\n    return n"
    code = "class Node:\n    def __init__(self, next): self.next = next\n"
    code += "node = None\nfor _ in range(3000): node = Node(node)\nassert length(node) == length(node) == 3000"
    assert judge.judge(program, Problem("p", "", (AssertCase(code),))).cases[0].verdict is OK


# A program that rules its own process rules what is said of exceptions, and nothing else.
HOOKED = """
import sys
frame = sys._getframe()
while frame and "_OPERATIONS" not in frame.f_globals:
    frame = frame.f_back
operations = frame.f_globals["_OPERATIONS"]
defined = operations["define"]
def define(self, request):
    defined(self, request)
    return {"value": {"d": [[name, [name, "Exception"]] for name in [*request["caught"], "abs", "zip", "len"]]}}
operations["define"] = define
def abs(x): return 0
def zip(*rows): return []
def len(x): return 3
class Unfit(Exception): pass
def f(x): return [5.0]
"""


@pytest.mark.parametrize(
    "code", ["abs(f(1)[0] - 1.5) < 1e-6", "all(a == b for a, b in zip(f(1), [1]))", "len(f(1)) == 3"]
)
def test_no_forged_exception_takes_the_name_of_anything_else(judge: Judge, code: str) -> None:
    test = f"try: f(1)\nexcept Unfit: pass\nassert {code}"
    assert judge.judge(HOOKED, Problem("p", "", (AssertCase(test),))).cases[0].verdict is WRONG


@pytest.mark.parametrize(
    "said",
    [
        {"base": "ValueError", "library": ["builtins", "StopIteration"]},
        {"base": "Exception", "library": ["unittest.case", "_ShouldStop"]},
        {"base": "Exception", "library": ["unittest", "SkipTest"]},
        {"base": "Exception", "library": ["os", "system"]},
        {"base": "Exception", "library": ["unittest.case", 5]},
        {"base": "Exception", "kinds": ["Unfit", "Unfit", "\0"], "type": "\0"},
        {"base": "Exception", "number": -1},
        {"base": "Exception", "number": 10**400},
    ],
)
def test_no_forged_exception_passes_a_test(judge: Judge, said: dict[str, object]) -> None:
    error = {"type": "X", "message": "m", "line": None, "kinds": [], "number": None, "value": None, **said}
    program = f"""
import json, os, struct
class Unfit(Exception): pass
def f(x):
    text = json.dumps({{"error": {error!r}, "changes": []}}).encode()
    os.write(3, struct.pack("!II", len(text), 0) + text)
"""
    test = (
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(f(1), 2)\nunittest.main()"
    )
    caught = "def ok(n): return f(n) == n\ntry: assert all(map(ok, [1]))\nexcept Unfit: assert False"
    for code in (test, caught):
        assert judge.judge(program, Problem("p", "", (AssertCase(code),))).cases[0].verdict is not OK


@pytest.mark.parametrize("error", ["unittest.SkipTest('no')", "unittest.case._ShouldStop()"])
def test_a_program_cannot_skip_a_test(judge: Judge, error: str) -> None:
    program = f"import unittest, unittest.case\ndef f(x): raise {error}"
    test = (
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(f(1), 2)\nunittest.main()"
    )
    assert judge.judge(program, Problem("p", "", (AssertCase(test),))).cases[0].verdict is not OK


def test_another_class_of_the_same_name_is_another(judge: Judge) -> None:
    program = "class E(Exception): pass\ndef f():\n    class E(Exception): pass\n    raise E\ndef g(): raise E"
    code = "try: {}()\nexcept E: pass"
    tests = tuple(AssertCase(code.format(name)) for name in "fg")
    assert [case.verdict for case in judge.judge(program, Problem("p", "", tests)).cases] == [RAISED, OK]


def test_nothing_that_a_test_did_outlives_its_program(judge: Judge) -> None:
    spoiled = "import math, decimal\ndecimal.getcontext().prec = 3\nmath.sqrt = lambda x: 0\nassert f() == 3"
    drawn = "import math, decimal\nassert f() == math.sqrt(4) and str(decimal.Decimal(1) / 3)[-9:] == '3' * 9"
    judge.judge("def f(): return 2", Problem("p", "", (AssertCase(spoiled),)))
    assert judge.judge("def f(): return 2", Problem("p", "", (AssertCase(drawn),))).cases[0].verdict is OK


def test_a_program_gives_a_library_nothing_to_run_in_later_tests(judge: Judge) -> None:
    program = "def f(): return 'import math; math.isclose = lambda *a, **k: True'"
    run = "import timeit\nassert timeit.timeit(f(), number=1) >= 0"
    judge.judge(program, Problem("p", "", (AssertCase(run),)))
    later = Problem("q", "", (AssertCase("import math\nassert math.isclose(g(), 99)"),))
    assert judge.judge("def g(): return 2", later).cases[0].verdict is WRONG
