"""From the record of a run to a verdict, and from verdicts to an outcome."""

from __future__ import annotations

import collections
import itertools
import signal
from typing import Any

import pytest

from coderl_env.judge.values import Handle, encode_value
from coderl_env.judge.verdicts import OUTPUT_CHARACTERS, classify, excerpt, excerpt_value
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict, decide_outcome

ERROR = {"type": "KeyError", "line": 3, "message": "'a'"}
KILLED = int(signal.SIGKILL)

# The record of a run; what it alone decides (None: what was written decides).
RECORDS: list[tuple[dict[str, Any], Verdict | None]] = [
    ({"status": 0}, None),
    ({"status": 0, "error": ERROR}, None),
    ({"status": 1 << 8}, Verdict.EXCEPTION),
    ({"status": 3 << 8, "error": ERROR}, Verdict.EXCEPTION),
    ({"status": KILLED}, Verdict.EXCEPTION),
    ({"status": int(signal.SIGSEGV)}, Verdict.EXCEPTION),
    ({"status": int(signal.SIGSEGV) | 0x80}, Verdict.EXCEPTION),
    ({"status": 40}, Verdict.EXCEPTION),
    ({"status": int(signal.SIGXCPU)}, Verdict.TIME_LIMIT),
    ({"status": int(signal.SIGXFSZ)}, Verdict.OUTPUT_LIMIT),
    ({"status": int(signal.SIGSYS)}, Verdict.FORBIDDEN),
    ({"status": KILLED, "reason": "cpu"}, Verdict.TIME_LIMIT),
    ({"status": KILLED, "reason": "wall"}, Verdict.TIME_LIMIT),
    ({"status": KILLED, "reason": "memory"}, Verdict.MEMORY_LIMIT),
    ({"status": KILLED, "reason": "output"}, Verdict.OUTPUT_LIMIT),
    ({"status": KILLED, "reason": "files"}, Verdict.OUTPUT_LIMIT),
    ({"status": KILLED, "reason": "threads"}, Verdict.FORBIDDEN),
    ({"status": KILLED, "reason": "answer"}, Verdict.FORBIDDEN),
    ({"status": 0, "reason": "cpu"}, Verdict.TIME_LIMIT),
    ({"not_run": True}, Verdict.NOT_RUN),
    ({"value": 1}, None),
    ({"error": ERROR}, Verdict.EXCEPTION),
    ({"error": {**ERROR, "type": "MemoryError"}}, Verdict.MEMORY_LIMIT),
    ({"error": {**ERROR, "type": "PermissionError"}}, Verdict.FORBIDDEN),
    # A process that should have answered a call, and ended instead.
    ({"status": 0, "ended": True}, Verdict.EXCEPTION),
    ({"status": 0, "ended": True, "reason": "wall"}, Verdict.TIME_LIMIT),
]


@pytest.mark.parametrize(("record", "verdict"), RECORDS, ids=lambda item: str(item))
def test_a_record_decides(record: dict[str, Any], verdict: Verdict | None) -> None:
    found = classify({**record, "cpu": 0.25})
    assert (None if found is None else found.verdict) is verdict
    if found is not None and verdict is not Verdict.NOT_RUN:
        assert found.cpu_seconds == 0.25


def test_an_exception_keeps_its_name_line_and_message() -> None:
    assert classify({"error": ERROR}) == CaseResult(
        Verdict.EXCEPTION, error_type="KeyError", error_line=3, error_message="'a'"
    )
    assert classify({"status": 11}) == CaseResult(
        Verdict.EXCEPTION, error_type="SIGSEGV", error_message="killed by a signal"
    )
    # Between SIGRTMIN and SIGRTMAX: Python has no name for it.
    assert classify({"status": 40}) == CaseResult(
        Verdict.EXCEPTION, error_type="signal 40", error_message="killed by a signal"
    )
    assert classify({"status": 7 << 8}) == CaseResult(
        Verdict.EXCEPTION, error_type="SystemExit", error_message="ended with exit status 7"
    )


def test_the_first_test_that_was_not_accepted_decides_the_outcome() -> None:
    for verdicts in itertools.product(Verdict, repeat=3):
        failing = [verdict for verdict in verdicts if verdict is not Verdict.ACCEPTED]
        outcome = decide_outcome(True, verdicts)
        if not failing:
            assert outcome is Outcome.PASSED
        elif failing[0] is Verdict.WRONG_ANSWER:
            assert outcome is Outcome.FAILED_TEST
        else:
            assert outcome is Outcome.RUNTIME_ERROR
        assert decide_outcome(False, verdicts) is Outcome.COMPILE_ERROR


def test_a_run_without_tests_is_never_a_pass() -> None:
    with pytest.raises(ValueError, match="at least one test"):
        decide_outcome(True, [])


def test_the_outcomes_have_the_papers_order() -> None:
    assert [outcome.name for outcome in sorted(Outcome, key=lambda outcome: outcome.index)] == [
        "COMPILE_ERROR",
        "RUNTIME_ERROR",
        "FAILED_TEST",
        "PASSED",
    ]


COLLECTIONS = [
    range(3),
    range(5, 0, -2),
    collections.deque([1, "a"]),
    collections.deque(maxlen=3),
    collections.Counter("abb"),
    collections.Counter(),
    collections.Counter({1: 5, "a": 2.5}),
    collections.OrderedDict(),
    collections.OrderedDict([("b", [1]), ("a", 2)]),
    collections.defaultdict(list, a=[1]),
    collections.defaultdict(None),
]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        ("a'b", '"a\'b"'),
        ([1, (2.5, {3})], "[1, (2.5, {3})]"),
        ({1: "a"}, "{1: 'a'}"),
        (Handle(3, "Point"), "<Point object>"),
        *((value, repr(value)) for value in COLLECTIONS),
    ],
)
def test_a_value_is_shown_as_python_would_write_it(value: Any, text: str) -> None:
    assert excerpt_value(encode_value(value, Handle)) == text  # type: ignore[arg-type]


def test_excerpts_are_short_text_whatever_was_written() -> None:
    assert excerpt(b"ab\xff\n") == "ab\ufffd\n"
    assert len(excerpt("\u00e9".encode() * 10_000)) == OUTPUT_CHARACTERS
    assert len(excerpt_value(["x" * 10] * 10_000)) == OUTPUT_CHARACTERS


def test_texts_of_a_program_can_always_be_encoded() -> None:
    """They are stored as UTF-8, and a tokenizer may read them."""
    found = classify({"error": {"type": "\ud800", "line": None, "message": "\udfff" * 1000}})
    assert found is not None
    assert (found.error_type, found.error_message[:12]) == ("\\ud800", "\\udfff\\udfff")
    assert len(found.error_message) == OUTPUT_CHARACTERS
    assert excerpt_value({"h": [0, "\ud800"]}) == "<\\ud800 object>"


def test_a_judgement_comes_back_from_its_dict() -> None:
    cases = (
        CaseResult(Verdict.ACCEPTED, output="4\n", cpu_seconds=0.5),
        CaseResult(Verdict.EXCEPTION, error_type="KeyError", error_line=3, error_message="'a'"),
    )
    judgement = Judgement(Outcome.RUNTIME_ERROR, cases, "strict", "lines", "1", "")
    back = Judgement.from_dict(judgement.to_dict())
    assert back == judgement
    assert back.cases[0].cpu_seconds == 0.5
    assert (back.pass_fraction, back.passed) == (0.5, False)
