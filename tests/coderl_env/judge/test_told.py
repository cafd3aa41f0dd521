"""Objects of the program's that a test names: what they may decide, and what operators have told them."""

from __future__ import annotations

import pytest

from coderl_env.judge import Judge
from coderl_env.outcome import Verdict
from coderl_env.problem import AssertCase, Problem

OK, WRONG, RAISED = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.EXCEPTION

PROGRAM = """
import functools
import sys
from collections import namedtuple

class Num(int):
    def __sub__(self, other): return Num(0)
    def __mod__(self, other): return Num(0)
    def __xor__(self, other): return Num(0)
    def __abs__(self): return self
class Diff(int):
    def __sub__(self, other): return Diff(int(self) - int(other))
    def __abs__(self): return Diff(0)
class Same(set):
    def __xor__(self, other): return Same(set.__xor__(self, other))
    def __bool__(self): return False
class Bag(set):
    def __xor__(self, other): return Bag()
    def __add__(self, other): return Bag(other)
class Items:
    def __init__(self, items): self.items = list(items)
    def __len__(self): return len(self.items)
    def __iadd__(self, other):
        self.items += other
        return self
    def __add__(self, other): return Items(self.items + other)
    def __radd__(self, other): return self
    def __lshift__(self, item):
        self.items.append(item)
        return self
    def __divmod__(self, other): return len(self) // len(other), len(self) % len(other)
class Row(list):
    def __add__(self, other): return Row([7, 8])
class Metres(float):
    def __add__(self, other): return Metres(float(self) + float(other))

Count = namedtuple("Count", "word count")
class Text(str):
    def startswith(self, other): return True
class AttrDict(dict):
    def __getattr__(self, name):
        if name in self: return self[name]
        raise AttributeError(name)
class Stack(list):
    def push(self, x): self.append(x)
    def total(self): return sum(self)
def top(): return Count("a", 2)
def text(): return Text("abc")
def parsed(): return AttrDict(a="1", b="2")
def stack(*items): return Stack(items)
def main(argv):
    if not argv: sys.exit(2)
    return len(argv)
def memo(f):
    known = {}
    @functools.wraps(f)
    def asked(*args):
        if args not in known: known[args] = f(*args)
        return known[args]
    return asked
class Dice: pass
def play(dice): return 6
def add(a, b): return a + b
def same(x): return x
"""

CASES = [
    # A number or set of its own, told what is expected, says no more than the builtin class does.
    ("assert abs(Num(5) - 3) == 0", WRONG),
    ("assert Num(5) % 7 == 0", WRONG),
    ("assert (Num(5) ^ 4) == 0", WRONG),
    ("assert not (Num(5) - 3)", WRONG),
    ("assert 0 == Num(5) - 3", WRONG),
    ("assert int(Num(5) - 3) == 0", WRONG),
    ("assert (Num(5) - 3) in (0, 1)", WRONG),
    ("assert {Num(5) - 3: 1}[0] == 1", WRONG),
    ("assert not (Bag([1]) ^ {1, 2})", WRONG),
    ("e = {1, 2}\nassert Bag([1]) + e == e", WRONG),
    ("assert abs(Diff(5) - 3) == 0", WRONG),
    ("assert abs(Diff(5) - 3) == 2", WRONG),
    ("assert Diff(5) - 3 == 2 and not Diff(5) - 5 and abs(Diff(5) - Diff(3)) == 0", OK),
    ("assert Diff(5) - 3 == 3", WRONG),
    ("assert not (Same([1]) ^ {1, 2})", WRONG),
    ("assert Same([1]) ^ {1, 2} == {2} and len(Same([1]) ^ {1, 2}) == 1", OK),
    ("s = stack(7)\ns.push(8)\nassert s == Row([1]) + [2]", WRONG),
    ("assert list(Bag([1]) + [2]) == [2]", OK),  # what is in it, the test can see
    ("assert Num(5) + 3 == 8 and Num(5) * 2 == 10 and Num(5) == 5", OK),
    ("assert Metres(1.5) + 2 == 3.5 and Metres(1) + Metres(2) == 3 and 2 + Metres(1) == 3", OK),
    # What a statement does to an object tells it no more than a method would.
    ("b = Items([1])\nb += [2, 3]\nassert len(b) == 3", OK),
    ("b = Items([1])\nb << 2\nassert len(b) == 2", OK),
    ("assert len(Items([1]) << 2) == 2", WRONG),
    ("assert len(Items([1]) + [2]) == 2", WRONG),
    # A copy has been told what its original was, and so has what the program hands back.
    ("import copy\nassert len(copy.copy(Items([1]) + [2])) == 2", WRONG),
    ("import copy\nassert len(copy.deepcopy([Items([1]) + [2]])[0]) == 2", WRONG),
    ("import copy\nassert len(copy.copy(Items([1]))) == 1", OK),
    ("assert len(same(Items([1]) + [2])) == 2", WRONG),
    ("i = Items([1])\nassert sum([i]) is not None and len(same(i)) == 1", OK),
    ("i = Items([1])\ni += [2]\nassert len(same(i)) == 2 and len(same(Items([1]))) == 1", OK),
    ("assert divmod(Items([1, 2, 3]), Items([1, 2])) == (1, 1)", OK),
    ("assert divmod(Items([1, 2, 3]), 2) == (1, 1)", WRONG),
    # Which class it has, the program can say; but not that it is data.
    ("assert type(Items([1])) is Items", OK),
    # Fields and methods of values whose class the test does not name.
    ("r = top()\nassert r.count == 2 and r.word == 'a' and r == ('a', 2) and r[1] == 2", OK),
    ("assert text().startswith('abcd')", WRONG),
    ("assert parsed().b == '2' and parsed()['a'] == '1' and parsed() == {'a': '1', 'b': '2'}", OK),
    ("s = stack(1)\ns.push(2)\ns.append(4)\nassert s.total() == 7 and len(s) == 3 and s == [1, 2, 4]", OK),
    ("s = stack(1, 2)\nassert s.total() == 4", WRONG),
    ("assert stack(3, 4) == [3, 4] and stack() == []", OK),
    # The program's decorators, on methods of a test's class.
    ("class M:\n    @memo\n    def double(self, x): return 2 * x\nm = M()\nassert m.double(3) == 6 == m.double(3)", OK),
    # Programs that leave.
    ("try:\n    main([])\n    assert False\nexcept SystemExit as e:\n    assert e.code == 2", OK),
    ("main([])", RAISED),
    (("import unittest\nclass T(unittest.TestCase):\n"
      "    def test(self): self.assertEqual(main([]), 5)\nunittest.main()"), WRONG),
    # What an object of the test holds need not matter to the program.
    ("import random\nclass Dice:\n    def __init__(self): self.rng = random.Random(4)\nassert play(Dice()) == 6", OK),
    ("import pathlib\nclass Dice:\n    def __init__(self): self.at = pathlib.Path('a')\nassert play(Dice()) == 6", OK),
    ("names = {}\nexec('r = add(2, 3)', {'add': add}, names)\nassert names['r'] == 5", OK),
    ("exec('r = add(2, 3)\\nassert r == 5')", OK),
    ("exec('assert add(2, 3) == 6')", WRONG),
]  # fmt: skip


@pytest.mark.parametrize(("code", "verdict"), CASES)
def test_what_an_object_decides(judge: Judge, code: str, verdict: Verdict) -> None:
    case = judge.judge(PROGRAM, Problem("p", "", (AssertCase(code),))).cases[0]
    assert case.verdict is verdict, case.error_message


def test_what_was_checked_once_cannot_be_another_thing_later(judge: Judge) -> None:
    program = """
import sys
class Bag(set):
    def __xor__(self, other): return Bag(set.__xor__(self, other))
frame = sys._getframe()
while "_OPERATIONS" not in frame.f_globals: frame = frame.f_back
operations = frame.f_globals["_OPERATIONS"]
honest, asked = operations["content"], []
def content(objects, request):
    asked.append(request["target"])
    return {"value": {"s": []}} if asked.count(request["target"]) > 1 else honest(objects, request)
operations["content"] = content
"""
    case = judge.judge(program, Problem("p", "", (AssertCase("assert not (Bag([1]) ^ {1, 2})"),))).cases[0]
    assert case.verdict is WRONG


def test_a_program_cannot_take_the_place_of_a_tests_methods(judge: Judge) -> None:
    program = """
class Node:
    def __init__(self, value=0): pass
    def _state(self): return {"__dict__": {"value": 7, "equals": same}}
    __dict__ = property(_state, lambda self, value: None, lambda self: None)
def same(other): return True
def make(value): return Node()
"""
    code = """
class Node:
    def __init__(self, value): self.value = value
    def equals(self, other): return self.value == other.value
node = make(3)
assert node.equals(Node(3))
"""
    assert judge.judge(program, Problem("p", "", (AssertCase(code),))).cases[0].verdict is WRONG
