"""One program on one problem: the conversation with the worker's processes, and the judgement made of the answers."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from coderl_env.judge import arrays, checks, values, wire
from coderl_env.judge.asserts import check_specially, judge_asserts
from coderl_env.judge.compare import COMPARATORS, values_equal, values_equal_apps
from coderl_env.judge.process import Frame, HelperFailure, Zygote
from coderl_env.judge.traces import leaves_no_trace
from coderl_env.judge.verdicts import classify, excerpt, excerpt_value, readable, result
from coderl_env.judge.worker import Worker
from coderl_env.outcome import CaseResult, Judgement, Verdict, decide_outcome
from coderl_env.problem import AssertCase, CallCase, Limits, Problem, StdioCase

__all__ = ["JUDGE_VERSION", "Settings", "Trial"]

# Raised when a program could get another verdict than before.
JUDGE_VERSION = "5"
_MAX_PROGRAM_BYTES = 1 << 20
_NUMPY = re.compile(r"\b(?:numpy|import_module|__import__)\b")
_END = wire.pack_frame({"op": "end"})
# Beyond all limits of a test: then the judge itself has stalled.
_SILENCE_SECONDS = 60.0
# Questions that go together.
_QUESTION_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Settings:
    """What a judge applies where the problem says nothing."""

    limits: Limits
    comparator: str
    stop: str
    isolation: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One program, one problem, and the rules that apply; made by `prepare`, which checks them."""

    program: str
    problem: Problem
    limits: Limits
    comparator: str
    stop: str
    isolation: str

    @classmethod
    def prepare(cls, program: str, problem: Problem, settings: Settings) -> Trial:
        """Return the trial of `program` on `problem`.

        Raises:
            ValueError: the problem cannot be judged; the message says why.
        """
        if not isinstance(problem, Problem):
            raise ValueError(f"a problem must be a Problem, not {type(problem).__name__}")
        if not problem.tests:
            raise ValueError(f"problem {problem.id!r} has no tests, so no program can be judged on it")
        comparator = problem.comparator or settings.comparator
        if comparator not in COMPARATORS:
            names = ", ".join(COMPARATORS)
            raise ValueError(f"problem {problem.id!r}: unknown comparator {comparator!r}; valid are {names}")
        return cls(program, problem, problem.limits or settings.limits, comparator, settings.stop, settings.isolation)

    def run(self, worker: Worker, *, again: bool = True) -> Judgement:
        """Judge, with the processes of `worker`.

        Args:
            worker: judges nothing else meanwhile.
            again: whether the caller tries again where a process fails; if not, a trusted process that ended after the
                program had answered it was ended by the answer.

        Raises:
            HelperFailure: one of them failed.
        """
        try:
            return self._run(worker, again=again)
        finally:
            if not all(map(leaves_no_trace, self._trusted_code())):
                worker.end_tests()

    def _trusted_code(self) -> Iterator[str]:
        """Yield the code of the problem that runs beside the program."""
        if self.problem.checker is not None:
            yield self.problem.checker
        for test in self.problem.tests:
            if isinstance(test, AssertCase):
                yield self.problem.starter_code
                yield test.code

    def _run(self, worker: Worker, *, again: bool) -> Judgement:
        try:
            source = self.program.encode()
        except UnicodeEncodeError as error:
            return self._uncompiled(f"UnicodeEncodeError: {error.reason}")
        if len(source) > _MAX_PROGRAM_BYTES:
            return self._uncompiled(f"the program has {len(source)} bytes; at most {_MAX_PROGRAM_BYTES} are compiled")
        conversation = Conversation(self, worker.zygote(numpy=self._needs_numpy()))
        if isinstance(self.problem.tests[0], AssertCase):
            judge = functools.partial(self._judge_asserts, again=again)
            return self._judge_one_by_one(conversation, source, worker, judge)
        if self.stop == "first_failure":
            judge = functools.partial(self._judge_until_failure, again=again)
            return self._judge_one_by_one(conversation, source, worker, judge)
        compile_error, answers = conversation.hold(source, _pack_requests(self.problem, self.problem.tests))
        if compile_error is not None:
            return self._uncompiled(compile_error)
        pairs = zip(self.problem.tests, answers, strict=True)
        return self._judged([self._compare(test, answer, worker, again=again) for test, answer in pairs])

    def _needs_numpy(self) -> bool:
        """Whether the program may import numpy, or a test pass it arrays."""
        texts = [
            self.program,
            self.problem.starter_code,
            *(test.code for test in self.problem.tests if isinstance(test, AssertCase)),
        ]
        return any(map(_NUMPY.search, texts))

    def _judge_one_by_one(
        self,
        conversation: Conversation,
        source: bytes,
        worker: Worker,
        judge: Callable[[Conversation, Worker], list[CaseResult]],
    ) -> Judgement:
        """Judge tests of which each is asked only when the one before it is decided."""
        compile_error = conversation.open(source)
        if compile_error is not None:
            conversation.end()
            return self._uncompiled(compile_error)
        try:
            cases = judge(conversation, worker)
        except HelperFailure:
            raise
        except Exception:
            conversation.end()  # the problem's fault: the processes go on to the next program
            raise
        conversation.end()
        return self._judged(cases)

    def _judge_asserts(self, conversation: Conversation, worker: Worker, *, again: bool) -> list[CaseResult]:
        return judge_asserts(self.problem, conversation, worker, self.limits.wall_seconds, self.stop, again=again)

    def _judge_until_failure(self, conversation: Conversation, worker: Worker, *, again: bool) -> list[CaseResult]:
        """Judge one test, then two, then four, and so on: most programs that fail do so soon, and asking takes time."""
        tests = self.problem.tests
        cases: list[CaseResult] = []
        while len(cases) < len(tests):
            some = tests[len(cases) : 2 * len(cases) + 1]
            for test, answer in zip(some, conversation.ask(_pack_requests(self.problem, some), len(some)), strict=True):
                cases.append(self._compare(test, answer, worker, again=again))
                if cases[-1].verdict is not Verdict.ACCEPTED:
                    return cases + [CaseResult(Verdict.NOT_RUN)] * (len(tests) - len(cases))
        return cases

    def _compare(self, test: Any, answer: Frame, worker: Worker, *, again: bool) -> CaseResult:
        header, output = answer
        decided = classify(header)
        if decided is not None:
            return decided
        if isinstance(test, CallCase):
            equal = values_equal_apps if self.comparator == "apps" else values_equal
            try:
                accepted = equal(_tagged(test.expected), header["value"])
            except RecursionError:
                accepted = False  # nested more deeply than anything that is expected
            return result(accepted, excerpt_value(header["value"]), header)
        expected = test.expected.encode("utf-8", "surrogatepass")
        if self.problem.checker is not None:
            seconds = self.limits.wall_seconds
            accepted = check_specially(self.problem, test, output, worker, seconds, again=again)
        else:
            accepted = COMPARATORS[self.comparator](expected, output)
        return result(accepted, excerpt(output), header)

    def _uncompiled(self, message: str) -> Judgement:
        cases = [CaseResult(Verdict.NOT_RUN)] * len(self.problem.tests)
        return self._judgement(decide_outcome(False, ()), cases, message)

    def _judged(self, cases: list[CaseResult]) -> Judgement:
        return self._judgement(decide_outcome(True, [case.verdict for case in cases]), cases)

    def _judgement(self, outcome: Any, cases: list[CaseResult], compile_error: str = "") -> Judgement:
        comparator = "checker" if self.problem.checker is not None else self.comparator
        return Judgement(outcome, tuple(cases), self.isolation, comparator, JUDGE_VERSION, compile_error)


class Conversation:
    """The exchange with a zygote about one program."""

    def __init__(self, trial: Trial, zygote: Zygote) -> None:
        self._trial = trial
        self._zygote = zygote
        self._seconds = trial.limits.wall_seconds * 8 + _SILENCE_SECONDS
        # Only asserts pass functions that a program may call.
        self._may_call_back = isinstance(trial.problem.tests[0], AssertCase)

    def hold(self, source: bytes, requests: bytes) -> tuple[str | None, Iterator[Frame]]:
        """Send the program and the requests for all of its tests, which end the exchange.

        Returns:
            The compiler's message, or None if it compiled, and the answers: of what a program answered, no more than
            one is taken apart at a time.
        """
        data = self._opening(source, whole=True) + requests
        compiled, *answers = self._zygote.exchange(data, 1 + len(self._trial.problem.tests), self._seconds)
        return _compile_error(compiled), (_checked(answer, self._may_call_back) for answer in answers)

    def open(self, source: bytes) -> str | None:
        """Send the program; return the compiler's message, or None if it compiled."""
        [compiled] = self._zygote.exchange(self._opening(source, whole=False), 1, self._seconds)
        return _compile_error(compiled)

    def _opening(self, source: bytes, *, whole: bool) -> bytes:
        trial = self._trial
        tests = trial.problem.tests
        header = {
            "limits": _as_dict(trial.limits),
            "stop": trial.stop,
            "kind": "run" if isinstance(tests[0], StdioCase) else "call",
            "tests": len(tests),
            "whole": whole,
        }
        return wire.pack_frame(header, source)

    def ask(self, requests: bytes, count: int) -> list[Frame]:
        """Send packed requests and return their `count` answers."""
        answers = self._zygote.exchange(requests, count, self._seconds)
        return [_checked(answer, self._may_call_back) for answer in answers]

    def end(self) -> None:
        """End the exchange; the zygote is then free for the next program."""
        self._zygote.exchange(_END, 1, self._seconds)


@functools.lru_cache
def _as_dict(limits: Limits) -> dict[str, Any]:
    return asdict(limits)


def _compile_error(answer: Frame) -> str | None:
    header, said = answer
    if header["compiled"]:
        return None
    error = header.get("error") or _described(said) or {"type": "SyntaxError", "message": "", "line": None}
    line = "" if error["line"] is None else f" (line {error['line']})"
    return readable(f"{error['type']}: {error['message']}{line}")


def _checked(answer: Frame, may_call_back: bool) -> Frame:
    """Return an answer with what the program's own process wrote checked and moved to where it belongs.

    Behind the output of a run comes what the process said of its exception; the answer to a call is a frame of its own.
    The program may have written both itself.
    """
    header, body = answer
    if "report" in header:
        end = len(body) - header["report"]
        error = _described(body[end:]) if header["report"] else None
        return {**header, "error": error}, body[:end]
    if not body:
        return answer
    try:
        return {**_reply(wire.unpack_frame(body), may_call_back), **header, "bytes": len(body)}, b""
    except wire.WireError:
        return {**header, "reason": "answer"}, b""


def _reply(received: dict[str, Any], may_call_back: bool) -> dict[str, Any]:
    """Return what is expected in the answer to a call: the result, or a call of one of the test's functions.

    Raises:
        WireError: it is not what a child answers.
    """
    changes: dict[str, Any] = {}
    if "changes" in received:
        changes["changes"] = checks.check_changes(received["changes"])
    if "printed" in received:
        changes["printed"] = str(received["printed"])
    if "error" in received:
        return {"error": checks.check_error(received["error"]), **changes}
    if may_call_back and "callback" in received:
        if type(received["callback"]) is not int or "call" not in received:
            raise wire.WireError("a call of a test's function is malformed")
        checks.check_value(received["call"])
        return {"callback": received["callback"], "call": received["call"], **changes}
    if "value" not in received:
        raise wire.WireError("an answer without a value")
    reply: dict[str, Any] = {key: received[key] for key in ("value", "args") if key in received}
    for value in reply.values():
        checks.check_value(value)
    return reply | changes


def _described(said: bytes) -> dict[str, Any] | None:
    """Return what a program's process said of an exception; whatever is not of that form counts as nothing."""
    try:
        return checks.check_error(json.loads(said))
    except (ValueError, RecursionError, wire.WireError):
        return None


def _pack_requests(problem: Problem, tests: Sequence[Any]) -> bytes:
    """Return the requests for tests of one kind; questions go together, as far as they are not too many bytes."""
    if isinstance(tests[0], StdioCase):
        return b"".join(wire.pack_frame({"op": "run"}, test.stdin.encode("utf-8", "surrogatepass")) for test in tests)
    target = problem.entry_point
    questions = [wire.pack_frame({"op": "call", "target": target, "args": _tagged(list(test.args))}) for test in tests]
    groups: list[list[bytes]] = []
    room = 0
    for question in questions:
        if len(question) > room:
            groups.append([])
            room = _QUESTION_BYTES
        groups[-1].append(question)
        room -= len(question)
    return b"".join(map(wire.pack_questions, groups))


def _tagged(value: Any) -> Any:
    try:
        return values.encode_value(value, _plain)
    except wire.WireError as error:
        raise ValueError(f"a call's test cannot be sent to a program: {error}") from None


def _plain(value: Any) -> Any:
    plain = arrays.from_numpy(value)
    if plain is not value:
        return plain
    if values.is_own(type(value)):
        return None
    raise ValueError(f"a call's test holds a {type(value).__name__}, which cannot be sent to a program: {value!r}")
