"""Does the judge see what really happens? Every reference program of the real data, in the judge and in plain Python.

A program that reads standard input must give the same bytes and the same kind of end as `python program.py < input`;
a function must return what a direct call returns; a test must pass exactly where it passes in the program's process.

    python -m coderl_benchmarks.reality                        all pairs of the data in ../shared/data (an hour)
    python -m coderl_benchmarks.reality --programs 20          twenty programs of each source
    python -m coderl_benchmarks.reality --source mbpp --json differences.json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from coderl_benchmarks.plain import Answer, run_calls, run_stdio, run_tests
from coderl_env.datasets import problem_from_row, read_rows
from coderl_env.datasets.plain import read_file
from coderl_env.judge import Judge, Limits
from coderl_env.outcome import CaseResult, Verdict
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

__all__ = ["SOURCES", "Difference", "Reference", "Tally", "compare", "main", "references"]

# source: file, and the field that says that the stored solution is right, or None.
SOURCES = {
    "apps": ("apps/train.jsonl", None),
    "codecontests": ("codecontests.jsonl", "ref_verified_4tests"),
    "leetcode": ("leetcode.jsonl", "ref_verified"),
    "mbpp": ("mbpp.jsonl", None),
    "humaneval": ("humaneval.jsonl", None),
}
# CodeContests stores about a hundred solutions a problem, each with about a hundred tests.
_SOLUTIONS = {"codecontests": 1}
# So wide that none of the data's own programs is stopped.
_LIMITS = Limits(60.0, 240.0, 1800.0, 2 << 30, 64 << 20)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference program and the problem that it solves."""

    source: str
    number: int
    program: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Difference:
    """One pair of program and test on which judge and plain Python differ."""

    problem_id: str
    solution: int
    test: int
    plain: str
    judged: str


@dataclass(slots=True)
class Tally:
    """The pairs of one source: how many were compared, and on which the two differ."""

    source: str
    programs: int = 0
    pairs: int = 0
    not_compared: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, pairs: int, differences: Sequence[Difference] | None) -> None:
        """Count one program; None for one that plain Python did not finish in time."""
        self.programs += 1
        if differences is None:
            self.not_compared += pairs
        else:
            self.pairs += pairs
            self.differences += differences


def references(source: str, data: Path) -> Iterator[Reference]:
    """Yield the reference programs of one source."""
    file, verified = SOURCES[source]
    for row in read_file(data / file) if source == "leetcode" else read_rows(data / file):
        if verified is not None and not row.fields.get(verified):
            continue
        problem = problem_from_row(row)
        if problem.tests:
            for number, program in enumerate(problem.solutions[: _SOLUTIONS.get(source)]):
                yield Reference(source, number, program, problem)


def compare(reference: Reference, judge: Judge) -> list[Difference] | None:
    """Return on which tests judge and plain Python differ; None where the program takes plain Python too long."""
    problem = reference.problem
    if isinstance(problem.tests[0], StdioCase):
        found = _compare_output(reference, judge)
    elif isinstance(problem.tests[0], CallCase):
        found = _compare_values(reference, judge)
    else:
        found = _compare_asserts(reference, judge)
    if found is None:
        return None
    return [
        Difference(problem.id, reference.number, number, plain, judged)
        for number, (plain, judged) in enumerate(found)
        if plain != judged
    ]


def _compare_output(reference: Reference, judge: Judge) -> list[tuple[str, str]] | None:
    """What plain Python printed becomes what is expected, to the byte."""
    tests = [test for test in reference.problem.tests if isinstance(test, StdioCase)]
    runs = [run_stdio(reference.program, test.stdin) for test in tests]
    if any(run.status is None for run in runs):
        return None
    expected = tuple(
        StdioCase(test.stdin, run.output.decode("utf-8", "surrogateescape"))
        for test, run in zip(tests, runs, strict=True)
    )
    cases = _judge(judge, reference, expected)
    plain = ["printed what is expected" if run.status == 0 else f"ended with {_ending(run.status)}" for run in runs]
    return list(zip(plain, [_described(case, "printed what is expected") for case in cases], strict=True))


def _compare_values(reference: Reference, judge: Judge) -> list[tuple[str, str]] | None:
    """What a direct call returned becomes what is expected."""
    problem = reference.problem
    tests = [test for test in problem.tests if isinstance(test, CallCase)]
    answers = run_calls(reference.program, problem.entry_point or "", [test.args for test in tests])
    if answers is None:
        return None
    expected = tuple(
        CallCase(test.args, value if kind == "value" else None)
        for test, (kind, value) in zip(tests, answers, strict=True)
    )
    cases = _judge(judge, reference, expected)
    return [(_shown(answer), _judged_value(answer, case)) for answer, case in zip(answers, cases, strict=True)]


def _compare_asserts(reference: Reference, judge: Judge) -> list[tuple[str, str]] | None:
    tests = [test for test in reference.problem.tests if isinstance(test, AssertCase)]
    answers = run_tests(reference.program, [test.code for test in tests])
    if answers is None:
        return None
    cases = _judge(judge, reference, tuple(tests))
    return [
        ("passed" if kind == "ok" else "failed", _described(case, "passed") if kind == "ok" else _failed(case))
        for (kind, _), case in zip(answers, cases, strict=True)
    ]


def _judge(judge: Judge, reference: Reference, tests: tuple[Any, ...]) -> Sequence[CaseResult]:
    problem = replace(reference.problem, tests=tests, comparator="exact", limits=_LIMITS)
    judgement = judge.judge(reference.program, problem)
    if judgement.compile_error:
        error = judgement.compile_error.partition(":")[0]
        return [CaseResult(Verdict.EXCEPTION, error_type=error)] * len(tests)
    return judgement.cases


def _ending(status: int | None) -> str:
    return f"exit status {status}" if status is None or status >= 0 else f"signal {-status}"


def _described(case: CaseResult, accepted: str) -> str:
    if case.verdict is Verdict.ACCEPTED:
        return accepted
    if case.verdict is Verdict.EXCEPTION and case.error_type == "SystemExit":
        return case.error_message
    if case.verdict is Verdict.EXCEPTION and case.error_type and not case.error_type.startswith("SIG"):
        return "ended with exit status 1"
    return f"{case.verdict.value} {case.error_type or ''} {case.error_message or case.output[:200]}"


def _shown(answer: Answer) -> str:
    kind, value = answer
    return f"raised {value}" if kind == "error" else "returned an object" if kind == "opaque" else "returned the same"


def _judged_value(answer: Answer, case: CaseResult) -> str:
    if case.verdict is Verdict.ACCEPTED:
        return "returned the same"
    if case.verdict is Verdict.EXCEPTION:
        return f"raised {str(case.error_type).rpartition('.')[2]}"
    if answer[0] == "opaque" and case.output == f"<{answer[1]} object>":
        return "returned an object"
    return f"{case.verdict.value}, returned {case.output[:200]} for {str(answer[1])[:200]}"


def _failed(case: CaseResult) -> str:
    return "passed" if case.verdict is Verdict.ACCEPTED else "failed"


def run(source: str, data: Path, judge: Judge, *, programs: int | None, seed: int, workers: int) -> Tally:
    """Compare the programs of a source, all or `programs` of them drawn with `seed`."""
    chosen = list(references(source, data))
    if programs is not None and programs < len(chosen):
        chosen = random.Random(seed).sample(chosen, programs)
    tally = Tally(source)
    with ThreadPoolExecutor(workers) as pool:
        for reference, found in zip(chosen, pool.map(lambda item: compare(item, judge), chosen), strict=True):
            tally.add(len(reference.problem.tests), found)
    return tally


def main(argv: Sequence[str] | None = None) -> int:
    """Compare and print the table; the exit status is 1 where judge and plain Python differ."""
    default = Path(__file__).resolve().parents[2] / os.environ.get("CODERL_SHARED_DATA", "../shared/data")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=default, help="folder of the real data")
    parser.add_argument("--source", choices=SOURCES, action="append", help="only this source; may be repeated")
    parser.add_argument("--programs", type=int, help="at most so many programs of each source")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of programs")
    parser.add_argument("--workers", type=int, default=2, help="how many programs run at a time")
    parser.add_argument("--json", type=Path, help="write all differences to this file")
    options = parser.parse_args(argv)
    tallies = []
    print(f"{'source':<14}{'programs':>10}{'pairs':>8}{'differ':>8}{'too slow':>10}")  # noqa: T201
    with Judge(workers=options.workers, stop="never") as judge:
        for source in options.source or SOURCES:
            tally = run(
                source, options.data, judge, programs=options.programs, seed=options.seed, workers=options.workers
            )
            tallies.append(tally)
            counts = f"{tally.programs:>10}{tally.pairs:>8}{len(tally.differences):>8}{tally.not_compared:>10}"
            print(f"{source:<14}{counts}", flush=True)  # noqa: T201
            for found in tally.differences[:20]:
                print(f"    {found}", flush=True)  # noqa: T201
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(tally) for tally in tallies], indent=1))
    return int(any(tally.differences for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
