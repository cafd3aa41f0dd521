"""What a program, a test or an answer was is in no memory that a later program, or a later test, is born with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coderl_env.judge import Judge, tier_report
from coderl_env.outcome import Outcome
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

REPORT = tier_report()
# Says whether its own memory holds the mark followed by a 7. Pages that are not there make `write` fail.
SCANNER = r"""
import ctypes, gc, os
line = input()
libc = ctypes.CDLL(None)
libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
libc.malloc.restype = ctypes.c_void_p
reader, writer = os.pipe()
places = [id(thing) for thing in gc.get_objects()] + [id(int), libc.malloc(100), libc.malloc(60000)]
found = False
for base in sorted({place & ~0xfffff for place in places}):
    for number in range(-256, 512):
        size = libc.write(writer, base + 4096 * number, 4096)
        page = os.read(reader, size) if size > 0 else b""
        at = page.find(b"RESIDUE_")
        while at >= 0 and not found:
            found = page[at + 8:at + 9] == b"7"
            at = page.find(b"RESIDUE_", at + 1)
print("found" if found else "none")
"""
MARK = "RESIDUE_7" * 3
LONG_MARK = "RESIDUE_7 " * 400


def stdio(*tests: tuple[str, str]) -> Problem:
    return Problem("p", "", tuple(StdioCase(stdin, expected) for stdin, expected in tests))


def double(value: str) -> Problem:
    return Problem("p", "", (CallCase((value,), 2 * value), CallCase((value,), 2 * value)), entry_point="double")


EARLIER: dict[str, tuple[str, Problem]] = {
    "a short source": (f"# {'words ' * 50}\nprint(input()) # {MARK}\n", stdio(("a\n", "a\n"))),
    "a source": (f"# {'words ' * 100}\nprint(input()) # {MARK}\n", stdio(("a\n", "a\n"))),
    "a long source": (f"# {MARK}\nprint(input()) # {LONG_MARK}\n", stdio(("a\n", "a\n"))),
    "stdin and stdout": ("print(input())\n", stdio((MARK, MARK), (LONG_MARK, LONG_MARK), ("a\n", "a\n"))),
    "a message": ("raise ValueError(input())\n", stdio((MARK, ""))),
    "a compiler's message": (f"{MARK} = = 1\n", stdio((MARK, ""))),
    "a call": ("def double(s): return s + s\n", double(MARK)),
    "a long call": ("def double(s): return s + s\n", double(LONG_MARK)),
    "a call that fails": ("def double(s): raise ValueError(s)\n", double(MARK)),
    "a load that fails": (f"raise ValueError({MARK!r})\n", double(MARK)),
    "an assert": (
        "def double(s): return s + s\n",
        Problem("p", "", (AssertCase(f"assert double({MARK!r}) == {2 * MARK!r}"),), entry_point="double"),
    ),
}


@pytest.fixture(scope="module", params=["strict", "portable"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    if REPORT[request.param] != "available":
        pytest.skip(f"{request.param}: {REPORT[request.param]}")
    if not Path("/proc/self").exists():
        pytest.skip("the scanner needs Linux")
    with Judge(workers=1, isolation=request.param) as made:
        yield made


@pytest.mark.parametrize("what", EARLIER)
def test_nothing_of_a_program_is_left_for_the_next(judge: Judge, what: str) -> None:
    program, problem = EARLIER[what]
    for number in range(3):
        judge.judge(f"{program}# {number}\n", problem)
    judgement = judge.judge(SCANNER, stdio(("a\n", "none\n")))
    assert judgement.passed, judgement.cases


def test_nothing_of_a_test_is_left_for_the_next(judge: Judge) -> None:
    """The first test is the scanner's own control: there is something to find."""
    tests = ((MARK, "found\n"), ("a\n", "none\n"), (LONG_MARK, "found\n"), ("b\n", "none\n"))
    judgement = judge.judge(SCANNER, stdio(*tests))
    assert judgement.outcome is Outcome.PASSED, judgement.cases
