"""What the example tests say of a program, in words for the next attempt."""

from __future__ import annotations

import re

from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import CallCase, Problem, StdioCase, TestCase

__all__ = ["describe_examples"]

_LONGEST_VALUE = 200
_LINE = re.compile(r"\bline (\d+)")

_LIMITS = {
    Verdict.TIME_LIMIT: "It takes too long.",
    Verdict.MEMORY_LIMIT: "It takes too much memory.",
    Verdict.OUTPUT_LIMIT: "It writes too much.",
    Verdict.FORBIDDEN: "It does something that is forbidden.",
    Verdict.NOT_RUN: "It is not run.",
}


def describe_examples(problem: Problem, program: str, judgement: Judgement) -> str:
    """Return the outcome, the first example that fails, and the line of the error.

    Only what a reader of the problem's statement may know goes into it.

    Args:
        problem: the problem; its `examples` are what was judged.
        program: the program.
        judgement: what became of it on the examples.
    """
    if judgement.outcome is Outcome.PASSED:
        return f"It passes all {len(judgement.cases)} examples."
    if judgement.outcome is Outcome.COMPILE_ERROR:
        message = judgement.compile_error
        found = _LINE.search(message)
        return "\n".join((f"It does not compile: {_cut(message)}", *_line(program, int(found[1]) if found else None)))
    passed = sum(case.verdict is Verdict.ACCEPTED for case in judgement.cases)
    number = next(number for number, case in enumerate(judgement.cases) if case.verdict is not Verdict.ACCEPTED)
    case = judgement.cases[number]
    return "\n".join(
        (
            f"It passes {passed} of {len(judgement.cases)} examples and fails example {number + 1}.",
            *_example(problem.examples[number], problem.entry_point),
            *_happened(case, program),
        )
    )


def _example(test: TestCase, entry_point: str | None) -> tuple[str, ...]:
    if isinstance(test, StdioCase):
        return f"Input: {_cut(test.stdin.rstrip())}", f"Expected: {_cut(test.expected.rstrip())}"
    if isinstance(test, CallCase):
        arguments = ", ".join(map(repr, test.args))
        return f"Call: {_cut(f'{entry_point}({arguments})')}", f"Expected: {_cut(repr(test.expected))}"
    return (f"Test: {_cut(test.code.strip())}",)


def _happened(case: CaseResult, program: str) -> tuple[str, ...]:
    if case.verdict is Verdict.WRONG_ANSWER:
        return (f"Got: {_cut(case.output.rstrip())}",) if case.output else ()
    if case.verdict is not Verdict.EXCEPTION:
        return (_LIMITS[case.verdict],)
    error = f"{case.error_type or 'an error'}: {_cut(case.error_message)}".removesuffix(": ")
    return f"It raises {error}", *_line(program, case.error_line)


def _line(program: str, number: int | None) -> tuple[str, ...]:
    lines = program.split("\n")
    if number is None or not 1 <= number <= len(lines):
        return ()
    return (f"Line {number}: {_cut(lines[number - 1].strip())}",)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
