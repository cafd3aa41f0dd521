"""Which beginnings can become programs, and that what is found to end them does."""

from __future__ import annotations

import ast
import random
import sys
import threading
import warnings
from pathlib import Path

import pytest

from coderl_env.datasets import load_dataset
from coderl_env.env import compiling
from coderl_env.env.completion import Beginning, is_valid

VALID = [
    "",
    "if x",
    "x = 1 i",
    "def",
    "def f(a=1, b",
    "def f(s, s",
    "def f(*",
    "for x",
    "try:\n  x",
    "try:\n  try:\n    x",
    "while True:\n  try:\n    x\n  except",
    "@d",
    "@d\n",
    "async",
    "match x",
    "match x:\n  case",
    "match x:\n  case 1 |",
    "'abc",
    "'''abc''",
    "'\\",
    "'\\x",
    "'\\N{DIG",
    "f'{d[\"a",
    'f"{a(',
    "f'{a}/({x(b(c[",
    'f"{x!',
    "f\"{d['a'] if 'b",
    'f"{x:{y',
    "f'{[a for",
    "from x",
    "from x import *",
    "from __future__ import",
    "x if y e",
    "[x fo",
    "[x for x in y if",
    "[x for x in y if a i",
    "{x: y, z",
    "f(lambda x, y",
    "*a",
    "if x:\n    y\nel",
    "if x:\n    y\n  ",
    "if x:\n  # why",
    "if x:\n    if y:# why",
    "def f():\n  if x:\n    if y: # why",
    "if x:\n\t",
    "x = \\",
    "0x",
    "1e-",
    "x !",
    "yield",
    "def f():\n  x = 1\n  def g():\n    nonlocal",
    "def f():\n  def g():\n    nonlocal later",
    "def f():\n  def g():\n    nonlocal a\n    b.",
    "def f():\n  def g():\n    nonlocal a, b, c\n    if x:\n        ",
    "def f(*args, *",
    "if x:\n  if y:\n\t",
    "if ((i == f(s[",
    "x = 1  # \u00e9\ufffd",
    "\u00e9",
    "#",
    "# -*- coding: ut",
    "# -*- coding: latin-1 -*-\nx",
    "x\r\nif y:\r\n",
    "with (open(x) as y, open(",
]
INVALID = [
    "x = = ",
    "return ",
    "def f():\n  return\nreturn ",
    "break\n",
    "x = 1\n    y",
    "if x:\ny",
    "elif ",
    "print(x for x in y, ",
    "f(a=1, a=1)",
    "f(a=1, b,",
    "b'\u00e9",
    "'abc\n",
    ")",
    "(]",
    "1 = 2",
    "print 'x",
    "x \\ ",
    "\0",
    "nonlocal x\n",
    "def f(x):\n  global x\n",
    "async def f():\n  await = ",
    "async def f():\n  yield 1\n  return 2\n",
    "# -*- coding: nonsense -*-\n",
    "f'{a b",
    "{1: 2, 3} ",
]


@pytest.mark.parametrize("beginning", VALID)
def test_what_can_become_a_program(beginning: str) -> None:
    end = Beginning(beginning).complete()
    assert end is not None
    compile((beginning + end).encode(), "program", "exec")


@pytest.mark.parametrize("beginning", INVALID)
def test_what_cannot(beginning: str) -> None:
    assert Beginning(beginning).complete() is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before Python 3.12, a string ends at its first quote")
@pytest.mark.parametrize("beginning", ['f"{d["a', 'f"{d["a"]', 'f"{d["a"]:>1'])
def test_strings_within_strings(beginning: str) -> None:
    end = Beginning(beginning).complete()
    assert end is not None
    compile(beginning + end, "program", "exec")


TEXT = "@d\nclass A:\n    def f(self):\n        return '''a\n b''' + (1,\n 2)[0] # c\n\n    x = 1\n    y = 2\nprint(A"


def test_more_may_come_in_pieces() -> None:
    for place in range(len(TEXT) + 1):
        assert Beginning(TEXT[:place]).complete(TEXT[place:]) == Beginning(TEXT).complete() is not None


def test_a_beginning_grows() -> None:
    """What stands above is left out of what is compiled, and forgotten in no other way."""
    beginning = Beginning("")
    for place, character in enumerate(TEXT):
        assert beginning.complete(character) is not None
        beginning = beginning.then(character)
        assert beginning.text == TEXT[: place + 1]
    assert "y = 2" in TEXT
    assert beginning.complete("\n        z") is None
    inside = Beginning(TEXT[: TEXT.index("x = 1")]).then("x = 1\n    y = 2\n")
    assert inside.complete("    z") == ""
    assert inside.complete("        z") is None
    assert inside.complete("return ") is None


@pytest.mark.parametrize(
    ("above", "more"),
    [
        ("def f():\n  x = 1\n  z = 0\n  ", "nonlocal x\n"),
        ("def f():\n  print(x)\n  z = 0\n  ", "global x\n"),
        ("async def f():\n  yield 1\n  z = 0\n  ", "return 2\n"),
        ("x = 1\ny = 2\nz = 0\n", "from __future__ import annotations\n"),
    ],
)
def test_what_reaches_far_is_seen(above: str, more: str) -> None:
    beginning = Beginning("").then(above)
    assert Beginning(above).complete() is not None
    assert Beginning(above).complete(more) is None
    assert beginning.complete(more) is None


def test_a_guess_is_tried_first() -> None:
    assert Beginning("x").complete("", " + 1") == " + 1"
    assert Beginning("x").complete("", " +") == ""


def test_an_end_must_fit() -> None:
    assert Beginning("if x").complete("", None, lambda end: len(end) <= 2) == ":y"
    assert Beginning("if x").complete("", None, lambda end: len(end) <= 1) is None
    assert Beginning("try:\n  x").complete("", None, lambda end: len(end) <= 5) is None


@pytest.mark.parametrize(
    ("text", "end", "forbidden"),
    [
        ("'ab", "'", "\0\\'\n\r"),
        ("'''ab", "'''", "\0\\'"),
        ("rf'{x}{{", "'", None),
        ("f'{x} and", "'", "\0\\'\n\r{}"),
        ("f'{x", "}'", None),
        ("f\"{d['}", "']}\"", None),
        ("'ab\\", "n'", None),
        ("'\\x4", "1'", None),
        ("b'ab", "'", None),
        ("'''ab'", "''", None),
        ("# a", "", None),
        ("\n\n# a", "", "\0\n\r"),
        ("x", "", None),
    ],
)
def test_what_changes_nothing(text: str, end: str, forbidden: str | None) -> None:
    compile(text + end, "program", "exec")
    assert Beginning(text).forbidden_characters(end) == forbidden
    if forbidden is not None:
        plain = "".join(chr(code) for code in range(1, 500) if chr(code) not in forbidden)
        compile(text + plain + end, "program", "exec")
        compile(text + plain[::-1] + end, "program", "exec")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "-" * 5000,
        "not " * 2000,
        "[" * 59,
        "x." * 3000,
        "if x:\n" + "".join(f"{' ' * depth}if x:\n" for depth in range(1, 120)),
        "9" * 5000,
        "x = " + "lambda: " * 1000,
        "f'{" * 30,
        "x" * 300_000,
    ],
)
def test_hostile_text_is_no_harm(text: str) -> None:
    end = Beginning(text).complete()
    assert end is None or is_valid(text + end)


def test_the_compiler_runs_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **settings: object) -> None:
        raise MemoryError

    monkeypatch.setattr(compiling, "compile", fail, raising=False)
    assert is_valid("x") is False
    assert Beginning("x").complete() is None


def test_no_warning_gets_out_and_none_is_an_error() -> None:
    text = "x = 1 is 1\ny = '\\d'\nassert (x, y)\n"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        assert is_valid(text)
        assert Beginning(text).complete("x is 1") == ""
    assert caught == []


def test_threads_leave_the_filters_of_warnings_as_they_are() -> None:
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [Beginning("if x").complete("") for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def characters_missed(program: str, places: list[int]) -> list[str]:
    return [program[:place] for place in places if Beginning(program[:place]).complete() is None]


@pytest.mark.parametrize("name", ["apps", "mbpp", "humaneval"])
def test_prefixes_of_solutions_can_become_programs(name: str) -> None:
    rng = random.Random(0)
    for problem in list(load_dataset(name))[::12]:
        program = problem.solutions[0]
        places = sorted(rng.sample(range(len(program) + 1), min(40, len(program))))
        assert characters_missed(program, places) == []


def test_no_code_is_run() -> None:
    assert is_valid("raise SystemExit") is True
    assert Beginning("raise SystemExit(").complete() == ")"
    for module in ("completion", "compiling", "ending", "lexing"):
        file = Path(compiling.__file__).with_name(f"{module}.py")
        nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        assert not called & {"exec", "eval", "__import__"}
