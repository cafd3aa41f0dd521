"""Asserts that ask libraries of the program's objects, or put something in a library's place, as in one file."""

from __future__ import annotations

import pytest

from coderl_env.judge import Judge
from coderl_env.outcome import Verdict
from coderl_env.problem import AssertCase, Problem

OK, WRONG, RAISED = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.EXCEPTION

PROGRAM = """
import math
import os
import random
import sys
import time
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field

def ask():
    return int(input("n? ")) + 1
def read():
    return int(sys.stdin.readline()) * 2
def roll():
    time.sleep(60)
    return random.randint(1, 6)
def rolls(n):
    return [random.random() for _ in range(n)]
def home():
    return os.environ.get("PLACE", "nowhere")
def exists(path):
    return os.path.exists(path)
def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)
def decode(b):
    return b.decode()
def drawn(n):
    import numpy
    return numpy.random.random(n).tolist()
def hello():
    print("hi")
def now():
    return time.time()

@dataclass
class Point:
    x: int
    y: int = 0
@dataclass(frozen=True)
class Line:
    a: Point
    b: list = field(default_factory=list)
async def later(a, b=2, *c, **d):
    "doc"
    return 1
def numbers():
    yield 1

class Missing(Exception):
    pass
def get(d, k):
    try:
        return d[k]
    except KeyError as error:
        raise Missing(k) from error
def divide(n):
    try:
        n / 0
    except ZeroDivisionError:
        raise ValueError("n")

class Price:
    def __init__(self, v):
        self.v = v
    def __round__(self, n=0):
        return Price(round(self.v, n))
    def __floor__(self):
        return Price(math.floor(self.v))
    def __ceil__(self):
        return Price(math.ceil(self.v))
    def __trunc__(self):
        return math.trunc(self.v)
    def __complex__(self):
        return complex(self.v)
    def __bytes__(self):
        return b"p"
    def __eq__(self, other):
        return self.v == other.v
class Pi:
    def __round__(self, n=0):
        return 3
    __floor__ = __trunc__ = __round__
def pi():
    return Pi()

def keys(d):
    return d.keys()
def values(d):
    return d.values()
def items(d):
    return d.items()
def ordered():
    return OrderedDict(a=1).keys()
def of_lists():
    return {1: [2]}.values()
def listed(view):
    return type(view).__name__, list(view)
def graph(pairs):
    found = defaultdict(lambda: [0])
    for a, b in pairs:
        found[a].append(b)
    return found
class Graph:
    def __init__(self):
        self.edges = defaultdict(lambda: defaultdict(int))
def count(d, k):
    d[k]["n"] += 1
"""

CASES = [
    # What a test puts in the place of something in a library is there for the program, too.
    ("from unittest.mock import patch\nwith patch('builtins.input', return_value='4'): assert ask() == 5", OK),
    ("from unittest.mock import patch\nwith patch('builtins.input', return_value='4'): assert ask() == 6", WRONG),
    ("from unittest.mock import patch\nwith patch('builtins.input', return_value='4'): pass\nask()", RAISED),
    (("from unittest.mock import patch\nwith patch('builtins.input', side_effect=['1', '2']) as m:\n"
     "    assert ask() == 2 and ask() == 3\n    m.assert_called_with('n? ')"), OK),
    ("import builtins\nbuiltins.input = lambda *a: '7'\nassert ask() == 8", OK),
    ("import sys, io\nsys.stdin = io.StringIO('4\\n5\\n')\nassert ask() == 5 and read() == 10", OK),
    (("from unittest.mock import patch\nwith patch('random.randint', return_value=3) as r, patch('time.sleep') as s:\n"
     "    assert roll() == 3\n    r.assert_called_once_with(1, 6); s.assert_called_once_with(60)"), OK),
    (("from unittest.mock import patch\n@patch('builtins.print')\ndef test(p):\n"
     "    hello()\n    p.assert_called_once_with('hi')\ntest()"), OK),
    (("import time\nfrom unittest.mock import patch\nwith patch.object(time, 'time', return_value=2.5):\n"
     "    assert now() == 2.5\nassert now() > 3"), OK),
    # What it sets by a call, or in the environment, is the program's as well.
    ("import random\nrandom.seed(4)\na = rolls(3)\nrandom.seed(4)\nassert rolls(3) == a and rolls(3) != a", OK),
    ("import random\nrandom.seed(4)\na = [random.random() for _ in '12']\nrandom.seed(4)\nassert rolls(2) == a", OK),
    ("import random\nrandom.seed(a=4, version=2)\na = rolls(3)\nrandom.seed(4)\nassert rolls(3) == a", OK),
    ("import random\nrandom.seed(4)\na = rolls(3)\nrandom.seed(5)\nassert rolls(3) == a", WRONG),
    (("import numpy as np\nnp.random.seed(1)\na = drawn(2)\nnp.random.seed(1)\n"
     "assert drawn(2) == a == [0.417022004702574, 0.7203244934421581]"), OK),
    ("import sys\nsys.setrecursionlimit(3000)\nassert deep(2000) == 2000", OK),
    ("try: deep(2000)\nexcept RecursionError: pass\nelse: assert False", OK),
    (("import os\nfrom unittest.mock import patch\nos.environ['PLACE'] = 'here'\nassert home() == 'here'\n"
     "with patch.dict(os.environ, {'PLACE': 'there'}): assert home() == 'there'\n"
     "assert home() == 'here'\ndel os.environ['PLACE']\nassert home() == 'nowhere'"), OK),
    ("from unittest.mock import patch\nwith patch('os.path.exists', return_value=True): assert exists('/no')", OK),
    ("assert exists('/no/where')", WRONG),
    # Fields of the interpreter's own exceptions.
    (("try: decode(b'a\\xff')\nexcept UnicodeDecodeError as e:\n"
     "    assert (e.start, e.end, e.encoding, e.object) == (1, 2, 'utf-8', b'a\\xff') and 'start' in e.reason"), OK),
    ("class A: pass\na = A()\na.b = 'winreg.c'\nassert a.b and list(keys({1: 2})) == [1]", OK),
    # Libraries that look at objects are told of the program's.
    (("from dataclasses import asdict, astuple, fields, is_dataclass, replace\np = Point(1)\n"
     "assert asdict(p) == {'x': 1, 'y': 0} and astuple(p) == (1, 0) and replace(p, y=5) == Point(1, 5)\n"
     "assert is_dataclass(Point) and is_dataclass(p) and [f.name for f in fields(Point)] == ['x', 'y']\n"
     "assert asdict(Line(p)) == {'a': {'x': 1, 'y': 0}, 'b': []}"), OK),
    ("import dataclasses\nassert dataclasses.asdict(Point(1)) == {'x': 1}", WRONG),
    (("import dataclasses\n@dataclasses.dataclass\nclass Own:\n    n: int = 1\n"
     "assert dataclasses.asdict(Own()) == {'n': 1} and keys({1: 2})"), OK),
    (("import asyncio, inspect\nassert asyncio.iscoroutinefunction(later) and inspect.iscoroutinefunction(later)\n"
     "assert inspect.isgeneratorfunction(numbers) and inspect.isclass(Point) and inspect.getdoc(later) == 'doc'\n"
     "s = inspect.signature(later)\nassert str(s) == '(a, b=2, *c, **d)' and s.parameters['b'].default == 2\n"
     "assert list(s.parameters) == ['a', 'b', 'c', 'd'] and len(s.parameters) == 4"), OK),
    # Exceptions have causes and contexts.
    (("try: get({}, 'x')\nexcept Missing as e:\n"
     "    assert isinstance(e.__cause__, KeyError) and type(e.__cause__) is KeyError and e.__cause__.args == ('x',)\n"
     "else: assert False"), OK),
    (("try: divide(1)\nexcept ValueError as e:\n"
     "    assert e.__cause__ is None and isinstance(e.__context__, ZeroDivisionError)"), OK),
    # Rounding, of classes that the test names.
    (("import math\nassert round(Price(1.26), 1) == Price(1.3) and math.floor(Price(1.5)) == Price(1)\n"
     "assert math.ceil(Price(1.5)).v == 2 and math.trunc(Price(1.5)) == 1\n"
     "assert complex(Price(2)) == 2 and bytes(Price(2)) == b'p'"), OK),
    ("assert round(pi()) == 3", WRONG),
    ("import math\nassert math.floor(pi()) == 3", WRONG),
    # Views of dicts, both ways.
    ("assert keys({'a': 1}) == {'a'} and list(keys({'b': 1, 'a': 2})) == ['b', 'a'] and 'b' in keys({'b': 1})", OK),
    ("assert items({1: 2}) == {(1, 2)} and dict(items({1: 2})) == {1: 2} and keys({1: 2}) | {3} == {1, 3}", OK),
    ("assert sorted(values({1: 'b', 2: 'a'})) == ['a', 'b'] and len(values({})) == 0 and keys({1: 2}) != [1]", OK),
    ("assert ordered() == {'a'} and list(of_lists()) == [[2]] and str(keys({1: 2})) == 'dict_keys([1])'", OK),
    ("assert keys({'a': 1}) == {'b'}", WRONG),
    ("assert listed({1: 2}.items()) == ('dict_items', [(1, 2)]) and listed({1: 2}.keys()) == ('dict_keys', [1])", OK),
    # A dict's default, whoever makes it.
    ("d = graph([(1, 2)])\nassert d == {1: [0, 2]} and d['new'] == [0] and d['new'] is d['new']", OK),
    ("g = Graph()\ng.edges[7][8] += 1\nassert g.edges == {7: {8: 1}} and g.edges[1][2] == 0", OK),
    (("from collections import defaultdict\nd = defaultdict(lambda: defaultdict(int))\ncount(d, 'a'); count(d, 'a')\n"
     "assert d['a']['n'] == 2"), OK),
    (("from collections import defaultdict\nd = defaultdict(lambda: defaultdict(int))\ncount(d, 'a')\n"
     "assert d['a']['n'] == 2"), WRONG),
]  # fmt: skip


@pytest.mark.parametrize(("code", "verdict"), CASES)
def test_libraries_know_of_the_program(judge: Judge, code: str, verdict: Verdict) -> None:
    case = judge.judge(PROGRAM, Problem("p", "", (AssertCase(code),))).cases[0]
    assert case.verdict is verdict, case.error_message


def test_what_a_test_has_replaced_is_gone_with_it(judge: Judge) -> None:
    replaces = AssertCase("import builtins\nbuiltins.input = lambda *a: '7'\nassert ask() == 8")
    again = AssertCase("assert ask() == 8")
    sets = AssertCase("import os, random\nos.environ['PLACE'] = 'here'\nrandom.seed(4)\nassert home() == 'here'")
    assert judge.judge(PROGRAM, Problem("r", "", (sets,))).passed
    assert judge.judge(PROGRAM, Problem("s", "", (AssertCase("assert home() == 'nowhere'"),))).passed
    assert judge.judge(PROGRAM, Problem("p", "", (replaces,))).passed
    assert judge.judge(PROGRAM, Problem("q", "", (again,))).cases[0].verdict is RAISED
