"""Asserts and special checkers: the parent passes messages between the referee, which is trusted, and the program."""

from __future__ import annotations

import time
from typing import Any, Protocol

from coderl_env.judge import wire
from coderl_env.judge.process import Frame, HelperFailure, HelperStalled
from coderl_env.judge.verdicts import classify, readable
from coderl_env.judge.worker import Worker
from coderl_env.outcome import CaseResult, Verdict
from coderl_env.problem import AssertCase, Problem, StdioCase

__all__ = ["Asks", "check_specially", "judge_asserts"]


# A starved machine may take this many times a test's wall limit for the messages of one test, unless they are many, or
# many bytes: then it is the program that keeps the test busy.
_WALL_GRACE = 6.0
_MANY_QUESTIONS = 2000
_MANY_BYTES = 32 << 20
# More than that, kept by a test, could fill the referee's memory in the midst of an answer.
_MOST_BYTES = 256 << 20
# What of an answer is for the referee.
_FOR_REFEREE = ("value", "args", "changes", "printed", "error", "callback", "call")


_STOPPING = {
    "first_limit": frozenset({Verdict.TIME_LIMIT, Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT}),
    "first_failure": frozenset(Verdict) - {Verdict.ACCEPTED},
    "never": frozenset[Verdict](),
}


class Asks(Protocol):
    """The exchange with the program's process."""

    def ask(self, requests: bytes, count: int) -> list[Frame]:
        """Send packed requests and return their `count` answers."""
        ...


def judge_asserts(
    problem: Problem, program: Asks, worker: Worker, wall_seconds: float, stop: str, *, again: bool = True
) -> list[CaseResult]:
    """Return one result per test, all of which are `AssertCase`s; `again` as in `Trial.run`.

    Raises:
        ValueError: the code of a test cannot be run at all.
        HelperFailure: one of the processes failed.
    """
    cases: list[CaseResult] = []
    for test in problem.tests:
        assert isinstance(test, AssertCase)
        cases.append(_judge_assert(problem, test, program, worker, wall_seconds, again=again))
        if cases[-1].verdict in _STOPPING[stop]:
            break
    return cases + [CaseResult(Verdict.NOT_RUN)] * (len(problem.tests) - len(cases))


def _judge_assert(
    problem: Problem,
    test: AssertCase,
    program: Asks,
    worker: Worker,
    wall_seconds: float,
    *,
    again: bool,
    broken: str | None = None,
) -> CaseResult:
    """Return the result of one test; `broken` says why an earlier process could not run it."""
    message = wire.pack_frame(
        {"code": test.code, "starter_code": problem.starter_code, "entry_point": problem.entry_point}
    )
    cpu = 0.0
    decided: CaseResult | None = None
    abandoned = False
    started = time.monotonic()
    asked = heard_bytes = 0
    heard = False
    while True:
        try:
            [(said, _)] = worker.tests().exchange(message, 1, wall_seconds)
            _check_said(said)
        except HelperStalled:
            # Code of the data set that does not return: what the program gave it keeps it busy.
            worker.end_tests()
            return CaseResult(Verdict.TIME_LIMIT, error_message="the test took too long", cpu_seconds=cpu)
        except HelperFailure:
            if again or not asked:
                raise
            worker.end_tests()
            return CaseResult(Verdict.WRONG_ANSWER, error_message="the test's process ended", cpu_seconds=cpu)
        if "done" in said:
            if said["spent"]:
                worker.end_tests()
            if said["done"] == "broken" and not heard:
                if broken is not None:
                    raise ValueError(f"problem {problem.id!r}: its test {test.code!r:.60} cannot be run: {broken}")
                # Only a new process is believed: in this one a test may have run what the program answered.
                worker.end_tests()
                broken = readable(said["message"])
                return _judge_assert(problem, test, program, worker, wall_seconds, again=again, broken=broken)
            # A test may catch everything; what the program did to be abandoned counts all the same.
            return decided if abandoned and decided is not None else _result(said, decided, cpu)
        if abandoned and decided is not None:
            worker.end_tests()  # it caught being abandoned, and would ask for ever
            return decided
        asked += 1
        heard = heard or said["ask"].get("op") != "define"
        busy = asked > _MANY_QUESTIONS or heard_bytes > _MANY_BYTES
        late = time.monotonic() - started > wall_seconds * (1.0 if busy else _WALL_GRACE)
        if late or heard_bytes > _MOST_BYTES:
            # The program keeps the test busy, say with an iterator that has no end.
            worker.end_tests()
            return CaseResult(Verdict.TIME_LIMIT, error_message="the test took too long", cpu_seconds=cpu)
        question = wire.pack_questions([wire.pack_frame(said["ask"])], continues=said["continues"])
        [(answer, _)] = program.ask(question, 1)
        cpu += float(answer.get("cpu", 0.0))
        heard_bytes += int(answer.get("bytes", 0))
        decided = classify(answer)
        if decided is not None and answer.get("error") is None:
            abandoned = True
            message = wire.pack_frame({"abandon": True})
        else:
            message = wire.pack_frame({key: answer[key] for key in _FOR_REFEREE if key in answer})


def _check_said(said: dict[str, Any]) -> None:
    """Check what the tests' process said.

    Raises:
        HelperFailure: it is nothing that it says.
    """
    forms = [form for name, form in _FORMS.items() if name in said]
    if not any(all(type(said.get(name)) is kind for name, kind in form.items()) for form in forms):
        raise HelperFailure("a judge process makes no sense")


# What comes with each of the things that it says: a question of a test, how it ended, or what a checker found.
_FORMS: dict[str, dict[str, type]] = {
    "ask": {"ask": dict, "continues": bool},
    "done": {"done": str, "message": str, "spent": bool},
    "accepted": {"accepted": bool, "spent": bool},
    "error": {"error": str, "spent": bool},
}


def _result(said: dict[str, Any], decided: CaseResult | None, cpu: float) -> CaseResult:
    if said["done"] == "raised" and decided is not None:
        return decided
    verdict = Verdict.ACCEPTED if said["done"] == "ok" else Verdict.WRONG_ANSWER
    return CaseResult(verdict, error_message=readable(said["message"]), cpu_seconds=cpu)


def check_specially(
    problem: Problem, test: StdioCase, output: bytes, worker: Worker, wall_seconds: float, *, again: bool
) -> bool:
    """Let the problem's own checker decide on an output; `again` as in `Trial.run`.

    Raises:
        ValueError: the checker raises, or does not return, whatever the output.
        HelperFailure: the checker's process failed.
    """
    text = output.decode("utf-8", "replace")
    accepted, fault = _run_checker(problem, test, text, worker, wall_seconds, again=again)
    if fault:
        # A checker may trip over an output that is not of the form it asks for, but not over the expected one.
        _, fault = _run_checker(problem, test, test.expected, worker, wall_seconds, again=again)
        if fault:
            raise ValueError(f"problem {problem.id!r}: its checker {fault}")
    return accepted


def _run_checker(
    problem: Problem, test: StdioCase, output: str, worker: Worker, wall_seconds: float, *, again: bool
) -> tuple[bool, str]:
    """Return whether the checker accepts an output, and what went wrong with it, or an empty string."""
    request = {"checker": problem.checker, "stdin": test.stdin, "expected": test.expected, "output": output}
    try:
        [(answer, _)] = worker.tests().exchange(wire.pack_frame(request), 1, wall_seconds)
        _check_said(answer)
    except HelperStalled:
        worker.end_tests()
        return False, f"took more than {wall_seconds} s"
    except HelperFailure:
        if again:
            raise
        worker.end_tests()
        return False, "ended its process"
    if answer["spent"]:
        worker.end_tests()
    if "error" in answer:
        return False, f"failed with {answer['error']}"
    return answer["accepted"], ""
