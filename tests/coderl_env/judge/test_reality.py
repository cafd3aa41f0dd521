"""The judge on real programs: what it sees is what happens, and what it says is what others found.

A sample by default; everything, which takes an hour, with CODERL_REALITY=full or `python -m coderl_benchmarks.reality`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from coderl_benchmarks.plain import run_stdio
from coderl_benchmarks.reality import SOURCES, compare, references
from coderl_benchmarks.recorded import EXPLAINED, disagreements, records
from coderl_env.datasets import problem_from_row, read_rows
from coderl_env.judge import Judge, Limits
from coderl_env.outcome import Outcome, Verdict
from coderl_env.problem import AssertCase, Problem, StdioCase

FULL = os.environ.get("CODERL_REALITY") == "full"
Item = TypeVar("Item")


def sample(items: Sequence[Item], size: int) -> list[Item]:
    return list(items) if FULL or size >= len(items) else random.Random(3).sample(items, size)


@pytest.fixture(scope="module")
def patient() -> Iterator[Judge]:
    # MBPP's 123 alone takes about two seconds.
    limits = Limits(cpu_seconds=20.0, wall_seconds=60.0, program_cpu_seconds=60.0)
    with Judge(workers=2, stop="never", limits=limits) as judge:
        yield judge


@pytest.mark.parametrize(
    ("source", "programs"),
    [
        ("apps", 14),
        pytest.param("codecontests", 5, marks=pytest.mark.slow),
        ("leetcode", 25),
        ("mbpp", 25),
        ("humaneval", 15),
    ],
)
def test_the_judge_sees_what_plain_python_sees(shared_data: Path, patient: Judge, source: str, programs: int) -> None:
    assert source in SOURCES
    for reference in sample(list(references(source, shared_data)), programs):
        if not FULL:
            problem = reference.problem
            reference = replace(reference, problem=replace(problem, tests=problem.tests[:6]))
        assert compare(reference, patient) == []


SURROUNDINGS = """
import sys, os, threading, signal, gc, locale
for stream in (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__):
    print(stream, stream.name, stream.mode, stream.encoding, stream.errors, stream.newlines, stream.line_buffering,
          stream.write_through, stream.isatty(), stream.fileno(), stream.seekable(), type(stream.buffer.raw).__name__,
          stream.buffer.raw.closefd)
print(repr(sys.stdin.read()))
print(len(sys.argv), os.path.basename(sys.argv[0]), __name__, sys.getfilesystemencoding())
print(sorted(name for name in globals() if name.startswith("__") and name not in ("__cached__", "__annotations__")))
print(__spec__, __doc__, __package__, os.path.basename(__file__), __builtins__.__name__)
print(threading.current_thread().name, threading.active_count(), signal.getsignal(signal.SIGINT), gc.isenabled())
print(sys.flags.utf8_mode, sys.float_repr_style, sys.getswitchinterval(), sys.get_int_max_str_digits())
print(hash("text"), locale.getpreferredencoding(), sys.dont_write_bytecode is not None, sys.path[0] == os.getcwd())
print(sys.modules["__main__"].__dict__ is globals(), sorted(os.listdir(".")), os.get_terminal_size.__name__)
def depth(n): return n if n == 0 else depth(n - 1)
print(depth(900))
"""


def test_a_program_finds_the_surroundings_that_plain_python_gives(patient: Judge) -> None:
    plain = run_stdio(SURROUNDINGS, "a\r\nb\x0c\n")
    assert plain.status == 0
    problem = Problem("p", "", (StdioCase("a\r\nb\x0c\n", plain.output.decode()),), comparator="exact")
    found = patient.judge(SURROUNDINGS, problem).cases[0]
    assert found.verdict is Verdict.ACCEPTED, (found.error_message, found.output, plain.output.decode())


def problems(file: Path) -> list[Problem]:
    return [problem_from_row(row) for row in read_rows(file)]


@pytest.mark.parametrize(("file", "size", "count"), [("mbpp.jsonl", 150, 974), ("humaneval.jsonl", 60, 164)])
def test_reference_solutions_pass_their_asserts(
    shared_data: Path, patient: Judge, file: str, size: int, count: int
) -> None:
    everything = problems(shared_data / file)
    assert len(everything) == count
    chosen = sample(everything, size)
    judgements = patient.judge_many([(problem.solutions[0], problem) for problem in chosen])
    failed = [problem.id for problem, found in zip(chosen, judgements, strict=True) if not found.passed]
    assert failed == []


def test_no_assert_of_the_data_is_decided_by_a_program_that_does_nothing(shared_data: Path, patient: Judge) -> None:
    chosen = sample(problems(shared_data / "mbpp.jsonl"), 60) + sample(problems(shared_data / "humaneval.jsonl"), 30)
    assert all(isinstance(problem.tests[0], AssertCase) for problem in chosen)
    judgements = patient.judge_many([("", problem) for problem in chosen])
    assert [problem.id for problem, found in zip(chosen, judgements, strict=True) if found.pass_fraction > 0] == []


# Passes that CodeChain published, and that only APPS's sets of sets of words accept: see the data's `strict_pass`.
def lenient_passes(data: Path) -> list[tuple[str, Problem]]:
    by_id = {problem.id: problem for problem in problems(data / "apps" / "train.jsonl")}
    rows = [row.fields for row in read_rows(data / "verdicts" / "apps_codechain.jsonl")]
    return [
        (row["code"], by_id[row["task_id"]]) for row in rows if row["expected_pass"] and row["strict_pass"] is False
    ]


def test_passes_that_only_the_published_apps_rule_accepts_are_rejected(shared_data: Path, patient: Judge) -> None:
    pairs = lenient_passes(shared_data)
    assert len(pairs) == 13
    assert {found.outcome for found in patient.judge_many(pairs)} == {Outcome.FAILED_TEST}
    as_published = [(program, replace(problem, comparator="apps")) for program, problem in pairs]
    assert {found.outcome for found in patient.judge_many(as_published)} == {Outcome.PASSED}


@pytest.mark.parametrize(
    ("name", "count", "size"),
    [
        pytest.param("apps_coderl", 88, 40, marks=pytest.mark.slow),
        ("apps_codechain", 250, 40),
        ("humaneval_mbpp", 1133, 250),
    ],
)
def test_recorded_verdicts_are_the_judges_too(shared_data: Path, name: str, count: int, size: int) -> None:
    everything = list(records(name, shared_data))
    assert len(everything) == count
    chosen = sample(everything, size)
    with Judge(workers=2) as judge:
        found = {item.name for item in disagreements(chosen, judge)}
    assert found == {record.name for record in chosen} & set(EXPLAINED)
