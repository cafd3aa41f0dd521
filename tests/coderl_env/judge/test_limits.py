"""Limits: each is found, named, and stops nothing that stays below it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from coderl_env.judge import Judge, Limits
from coderl_env.outcome import Outcome, Verdict
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

MIB = 1 << 20
LIMITS = Limits(cpu_seconds=0.4, wall_seconds=1.0, program_cpu_seconds=3.0, memory_bytes=64 * MIB, output_bytes=100_000)

BEYOND = [
    ("while True: pass", Verdict.TIME_LIMIT, "processor time"),
    ("import time\nwhile True: time.sleep(1)", Verdict.TIME_LIMIT, "took too long"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", Verdict.TIME_LIMIT, "took too long"),
    ("10**10**9", Verdict.TIME_LIMIT, "processor time"),
    (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        Verdict.TIME_LIMIT,
        "processor",
    ),
    ("held = bytearray(100 << 20)\nwhile True: pass", Verdict.MEMORY_LIMIT, "memory"),
    ("held = bytearray(100 << 20)", Verdict.MEMORY_LIMIT, "memory"),
    ("held = []\nwhile True: held.append(bytearray(1 << 20))", Verdict.MEMORY_LIMIT, "memory"),
    ("held = bytearray(8 << 30)", Verdict.MEMORY_LIMIT, ""),
    ("open('file', 'w').write('x' * 200_000)", Verdict.OUTPUT_LIMIT, "File too large"),
]
BELOW = [
    "x = sum(range(1_000_000))",
    "import time; time.sleep(0.3)",
    "held = bytearray(20 << 20)",
    "open('file', 'w').write('x' * 90_000)",
]


@pytest.fixture(scope="module")
def tight() -> Iterator[Judge]:
    with Judge(workers=2, limits=LIMITS) as judge:
        yield judge


def problem_and_program(kind: str, body: str) -> tuple[Problem, str]:
    if kind == "stdio":
        return Problem("p", "", (StdioCase("", "done\n"),)), f"{body}\nprint('done')\n"
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    program = f"def f():\n{indented}    return 'done'\n"
    case: Any = CallCase((), "done") if kind == "call" else AssertCase("assert f() == 'done'")
    return Problem("p", "", (case,), entry_point="f"), program


@pytest.mark.parametrize(("body", "verdict", "message"), BEYOND, ids=[body for body, _, _ in BEYOND])
@pytest.mark.parametrize("kind", ["stdio", "call", "assert"])
def test_what_exceeds_a_limit_is_ended_and_named(
    tight: Judge, kind: str, body: str, verdict: Verdict, message: str
) -> None:
    problem, program = problem_and_program(kind, body)
    judgement = tight.judge(program, problem)
    assert judgement.outcome is Outcome.RUNTIME_ERROR
    assert judgement.cases[0].verdict is verdict
    assert message in judgement.cases[0].error_message


@pytest.mark.parametrize("body", BELOW)
@pytest.mark.parametrize("kind", ["stdio", "call", "assert"])
def test_what_stays_below_the_limits_is_accepted(tight: Judge, kind: str, body: str) -> None:
    problem, program = problem_and_program(kind, body)
    assert tight.judge(program, problem).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        ("print('x' * 99_999)", Verdict.WRONG_ANSWER),
        ("print('x' * 100_001)", Verdict.OUTPUT_LIMIT),
        ("while True: print('x' * 1000)", Verdict.OUTPUT_LIMIT),
        ("import os\nwhile True: os.write(1, b'x' * 1000)", Verdict.OUTPUT_LIMIT),
    ],
)
def test_standard_output_is_limited(tight: Judge, program: str, verdict: Verdict) -> None:
    case = tight.judge(program, Problem("p", "", (StdioCase("", "y"),))).cases[0]
    assert case.verdict is verdict
    assert len(case.output) <= 1000


@pytest.mark.parametrize("result", ["'x' * 200_000", "[1] * 200_000", "10 ** 300_000", "{n: n for n in range(60_000)}"])
def test_the_value_of_a_call_is_limited(tight: Judge, result: str) -> None:
    problem = Problem("p", "", (CallCase((), None),), entry_point="f")
    assert tight.judge(f"def f(): return {result}", problem).cases[0].verdict is Verdict.OUTPUT_LIMIT


def test_standard_error_is_dropped_and_without_limit(tight: Judge) -> None:
    program = "import sys\nfor _ in range(1000): print('x' * 1000, file=sys.stderr)\nprint(1)"
    assert tight.judge(program, Problem("p", "", (StdioCase("", "1"),))).outcome is Outcome.PASSED


@pytest.mark.parametrize("kind", ["stdio", "call", "assert"])
def test_all_tests_together_have_a_limit_of_their_own(kind: str) -> None:
    tests: tuple[Any, ...]
    program = "import time\ndef f(n):\n    end = time.process_time() + n\n    while time.process_time() < end: pass\n"
    if kind == "stdio":
        tests, program = (StdioCase("1", ""),) * 10, program + "f(0.2)\n"
    else:
        tests = (CallCase((0.2,), None) if kind == "call" else AssertCase("assert f(0.2) is None"),) * 10
    limits = Limits(cpu_seconds=1.0, wall_seconds=10.0, program_cpu_seconds=0.7)
    with Judge(workers=1, limits=limits, stop="never") as judge:
        judgement = judge.judge(program, Problem("p", "", tests, entry_point="f"))
    verdicts = [case.verdict for case in judgement.cases]
    assert verdicts[:2] == [Verdict.ACCEPTED] * 2
    assert verdicts[4:] in ([Verdict.TIME_LIMIT, *[Verdict.NOT_RUN] * 5], [Verdict.NOT_RUN] * 6)
    assert Verdict.TIME_LIMIT in verdicts
    assert judgement.outcome is Outcome.RUNTIME_ERROR


def test_compiling_is_limited_too(tight: Judge) -> None:
    began = time.monotonic()
    slow = "x = " + "-" * 200_000 + "1"
    folding = "x = (" + ",".join(["0"] * 300_000) + ")"
    problem = Problem("p", "", (StdioCase("", ""),))
    for program in (slow, folding):
        assert tight.judge(program, problem).outcome in (Outcome.COMPILE_ERROR, Outcome.PASSED)
    assert time.monotonic() - began < 30


def test_processor_time_is_recorded_and_no_part_of_equality(tight: Judge) -> None:
    problem = Problem("p", "", (StdioCase("", ""),))
    busy = "x = sum(range(3_000_000))"
    first, second = (tight.judge(busy, problem) for _ in range(2))
    assert first.cases[0].cpu_seconds > 0.01
    assert first == second
    assert "cpu_seconds" not in str(first.to_dict(timing=False))


def test_with_four_times_as_many_workers_as_processors_nothing_honest_is_too_slow() -> None:
    program = "import time\nend = time.process_time() + 0.15\nwhile time.process_time() < end: pass\nprint(1)"
    problem = Problem("p", "", (StdioCase("", "1"),))
    with Judge(workers=8, limits=Limits(cpu_seconds=0.5)) as judge:
        judgements = judge.judge_many([(f"{program}# {number}", problem) for number in range(12)])
    assert {found.outcome for found in judgements} == {Outcome.PASSED}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cpu_seconds": 0}, "'cpu_seconds' must be positive"),
        ({"wall_seconds": -1.0}, "'wall_seconds' must be positive"),
        ({"cpu_seconds": float("inf")}, "positive and finite"),
        ({"cpu_seconds": float("nan")}, "positive and finite"),
        ({"memory_bytes": 1.5}, "'memory_bytes' must be an integer"),
        ({"output_bytes": True}, "'output_bytes' must be an integer"),
        ({"cpu_seconds": "2"}, "'cpu_seconds' must be a number"),
        ({"cpu": 2}, "unknown limit 'cpu'; valid are cpu_seconds, wall_seconds"),
    ],
)
def test_an_unusable_limit_is_a_value_error(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Limits.from_dict(values)


def test_a_program_that_ends_in_every_call_is_compiled_once() -> None:
    """Compiling is in no test's time: twenty times would be twenty times uncounted."""
    source = f"x = [{', '.join(f'({n}, {n} + 1, str({n}))' for n in range(10_000))}]\n"
    program = f"{source}import os\ndef f(n): os._exit(0)\n"
    with Judge(workers=1, stop="never") as judge:
        spent = []
        for count in (1, 20):
            began = time.monotonic()
            problem = Problem("p", "", (CallCase((1,), None),) * count, entry_point="f")
            assert {case.verdict for case in judge.judge(program, problem).cases} == {Verdict.EXCEPTION}
            spent.append(time.monotonic() - began)
    assert spent[1] < 8 * spent[0]
