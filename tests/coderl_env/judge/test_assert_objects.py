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
def grid():
    return {Point(1, 2): [Point(3, 4)], "s": {Point(5, 6)}, "l": [[1]]}
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
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
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
    (STACK, "s = Stack([1])\ns.push(3)\nassert s == [1, 3] and s != [1]", OK),
    (LRU, "c = Cache(1)\nc.put(1, 2)\nc.put(3, 4)\nassert 1 not in c and c[3] == 4 and dict(c) == {3: 4}", OK),
    (POINTS, "p = make(1)\nassert p.x == 1 and p == (1, 2) and total(p) == 3 and total(make(2)) == 5", OK),
    (POINTS, "assert make(1)._asdict() == {'x': 1, 'y': 2} and make(1)._replace(x=5) == (5, 2)", OK),
    (POINTS, "d = grid()\nassert d[Point(1, 2)] == [Point(3, 4)] and d['s'] == {Point(5, 6)} and d['l'] == [[1]]", OK),
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
    (NUMBERS, "assert Liar(1) == 3", WRONG),
    (NUMBERS, "assert not Liar(1) != 3", WRONG),
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
    ("def f(n): return D.EXPECTED", "class D:\n    EXPECTED = 9\nassert f(1) == D.EXPECTED", RAISED),
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


OBJECTS = '''
class Matrix:
    def __init__(s, d): s.d = d
    def get(s, i, j): return s.d[i][j]
class Account:
    def __init__(s): s._h = []
    def history(s): return s._h
    @property
    def h(s): return s._h
    def dep(s, x): s._h.append(x)
class Box:
    def __init__(s, l): s.l = l
    def add(s, x): s.l.append(x)
class A:
    """Doc"""
    def __init__(s, x=0): s.x = x
    def __copy__(s): return s
class MyErr(ValueError):
    def __init__(s, m, code=4): super().__init__("wrong"); s.code = code
class Base(Exception): pass
class Sub(Base): pass
def f(a): return list(a)
def g(x, a=[]):
    a.append(x); return a
def raises(x=0): raise MyErr("a")
def sub(): raise Sub("s")
def it():
    yield 1
    yield 2
def echo():
    x = yield 1
    yield x
    return 5
def same(a, b): return a is b
def ident(x): return x
async def slow(x):
    import asyncio
    await asyncio.sleep(0)
    return 2 * x
import json
def loads(s): return json.loads(s)
def key(): raise KeyError("k")
def nest(): return {"a": [1, 2], "b": {"c": [3]}}
import functools
@functools.lru_cache
def cached(x): return x
class Node:
    def __init__(s, v, nxt=None): s.v = v; s.next = nxt
class L:
    def __init__(s, *vs):
        s.head = None
        for v in reversed(vs): s.head = Node(v, s.head)
'''

SEEN = [
    ("a=[[1,2],[3]]; c=f(a); c[0].append(99); assert a==[[1,2],[3]]", WRONG),
    ("a=[[1,2],[3]]; c=f(a)\nassert c[0] is not a[0]", WRONG),
    ("a=[[1,2],[3]]; c=f(a)\nassert c[0] is a[0] and c is not a", OK),
    ("d=[[1,2]]; m=Matrix(d); d[0][0]=99\nassert m.get(0,0)==1", WRONG),
    ("d=[[1,2]]; m=Matrix(d); d[0][0]=99\nassert m.get(0,0)==99", OK),
    ("a=Account(); a.dep(1); h=a.history(); h.append(5); assert a.history()==[1]", WRONG),
    ("a=Account(); h=a.h; a.dep(1); assert h==[]", WRONG),
    ("a=Account(); h=a.h; a.dep(1); assert h==[1]", OK),
    ("r1=g(1); r2=g(2)\nassert r1 is not r2 and r1==[1]", WRONG),
    ("x=[1]; b=Box(x); b.add(2); assert x==[1]", WRONG),
    ("x=[1]; b=Box(x); b.add(2); assert x==[1,2]; b.l.append(3); assert x==[1,2,3]", OK),
    ("x=[1]\nassert same(x, x) and not same([1],[1])", OK),
    ("x=[1]; y=[x,x]; z=ident(y); z[0].append(2)\nassert y==[[1,2],[1,2]] and z is y", OK),
    ("a=nest(); a['a'].append(2); assert a['a']==[1,2,2] and a['b']['c'] is a['b']['c']", OK),
    ("x=[]; x.append(x)\nassert ident(x) is x and x[0] is x", OK),
    ("import copy\nd={'k':[1]}; e=copy.deepcopy(ident(d)); e['k'].append(2); assert d=={'k':[1]}", OK),
    (("c=A()\n"
     "assert not hasattr(c,'__iter__') and not hasattr(c,'__next__') and hasattr(c,'x')"), OK),
    ("assert not hasattr(A(),'__len__') and not hasattr(it(),'__len__') and hasattr(it(),'__next__')", OK),
    ("c=A()\nassert not hasattr(c,'_program') and not hasattr(c,'__call__') and not hasattr(c,'__enter__')", OK),
    ("assert A().__class__.__name__=='A' and A().__class__ is A", OK),
    ("assert A(3).__dict__=={'x':3} and vars(A(3))=={'x':3} and 'x' in dir(A())", OK),
    ("assert A.__doc__=='Doc' and A().__doc__ == 'Doc'", OK),
    ("def h():\n  yield from it()\nassert list(h())==[1,2]", OK),
    ("import copy\na=A(1); b=copy.copy(a); assert b is not a", WRONG),
    ("import copy\na=A(1); b=copy.deepcopy(a); b.x=2; assert a.x==1 and b is not a", OK),
    (("def assert_raises(exc, fn, *a):\n  try: fn(*a)\n  except exc: return\n  assert False\n"
     "assert_raises(MyErr, raises, 1); assert_raises(ValueError, raises)"), OK),
    (("try: raises()\n"
     "except Exception as e: assert isinstance(e, MyErr) and isinstance(e, ValueError) and e.code == 4"), OK),
    (("try: raises()\n"
     "except Exception as e: assert type(e) is MyErr and type(e).__name__ == 'MyErr'"), OK),
    ("try: raises()\nexcept Exception as e: assert repr(e) == \"MyErr('wrong')\"", OK),
    (("try: key()\n"
     "except Exception as e: assert type(e) is KeyError and repr(e) == \"KeyError('k')\" and e.args == ('k',)"), OK),
    ("assert issubclass(MyErr, ValueError) and issubclass(Sub, Base) and not issubclass(Base, Sub)", OK),
    ("try: sub()\nexcept Sub: pass\ntry: sub()\nexcept Base: pass\nassert issubclass(Sub, Base)", OK),
    ("import json\ntry: loads('{')\nexcept json.JSONDecodeError as e: assert e.pos == 1\nelse: assert False", OK),
    ("e = MyErr('b')\nassert str(e) == 'b'", WRONG),
    ("e = MyErr('b', 7)\nassert str(e) == 'wrong' and e.code == 7", OK),
    (("g = echo()\nassert next(g) == 1 and g.send(3) == 3\ntry: next(g)\n"
     "except StopIteration as e: assert e.value == 5"), OK),
    ("g = echo(); next(g); g.send(3)\ntry: g.send(4)\nexcept StopIteration as e: assert e.value == 5", OK),
    (("import asyncio\nassert asyncio.run(slow(4)) == 8\nasync def t():\n"
     "    r = await asyncio.gather(slow(1), slow(2))\n    assert r == [2, 4]\nasyncio.run(t())"), OK),
    (("import unittest\nclass T(unittest.TestCase):\n"
     "    def test_a(self): self.assertEqual(f([1]), [1])\nif __name__ == '__main__': unittest.main()"), OK),
    (("import unittest\nclass T(unittest.TestCase):\n"
     "    def test_a(self): self.assertEqual(f([1]), [2])\nif __name__ == '__main__': unittest.main()"), WRONG),
    ("cached(1); cached(1)\nassert cached.cache_info().hits == 1", OK),
    ("s = object()\nassert same(s, s) and ident(s) is s and not same(s, object())", OK),
    ("e = ValueError('a')\nassert str(ident(e)) == 'a'", OK),
    (("l = L(1,2,3); c = l.head; n = 0; seen = set()\nwhile c:\n    n += c.v; seen.add(c); c = c.next\n"
     "assert n == 6 and len(seen) == 3 and l.head == l.head"), OK),
    ("assert 2 in it() and 3 not in it()", OK),
    ("import datetime\nassert ident(datetime.timedelta(1)) == datetime.timedelta(days=1)", OK),
    ("d = {'x': 5}\nassert eval(ident('x + 1'), None, d) == 6 and eval(ident('x'), d) == 5", OK),
    ("d = {}\nexec(ident('y = 3\\ndef k(): return y'), d)\nassert d['y'] == 3 and d['k']() == 3", OK),
    ("c = compile(ident('1 + 2'), 'x', 'eval')\nassert eval(c) == 3", OK),
    ("assert list(map(eval, ident(['1', '1 + 1']))) == [1, 2]", OK),
    ("from unittest.mock import Mock\nm = Mock(return_value=3)\nassert ident(m)(1) == 3", OK),
    ("import io, contextlib\nxs = [1]\nwith contextlib.suppress(MyErr): raises()\nassert ident(xs) is xs", OK),
    ("class D:\n IN=3\n EXPECTED=9\nassert f([D.IN])==[D.EXPECTED]", WRONG),
]  # fmt: skip


@pytest.mark.parametrize(("code", "verdict"), SEEN)
def test_a_test_sees_what_it_would_see_in_plain_python(judge: Judge, code: str, verdict: Verdict) -> None:
    assert judge.judge(OBJECTS, Problem("p", "", (AssertCase(code),))).cases[0].verdict is verdict
