"""Answers that are short to write for a program, and were long or deep to read for the trainer."""

from __future__ import annotations

import time
from typing import Any

import pytest

from coderl_env.judge import Judge
from coderl_env.outcome import Judgement, Verdict
from coderl_env.problem import CallCase, Problem

_FORGED = """
import os, json, struct
def f(n):
    text = json.dumps({"value": VALUE}).encode()
    os.write(3, struct.pack("!II", len(text), 0) + text)
    os._exit(0)
"""
_NESTED = """
from collections import Counter, OrderedDict, defaultdict
def f(n):
    value = 1
    for _ in range(n):
        value = WRAPPED
    return value
"""


def _judge(program: str, argument: int, expected: Any, stop: str = "first_limit") -> Judgement:
    problem = Problem("hostile", "", (CallCase((argument,), expected),) * 2, entry_point="f")
    with Judge(workers=1, stop=stop) as judge:
        began = time.monotonic()
        judgement = judge.judge(program, problem)
        assert time.monotonic() - began < 5
    return judgement


@pytest.mark.parametrize(
    "value", ['{"f": "1" * n + "x"}', '{"D": "1" * n + "x"}', '{"c": ["1" * n + "x", "0"]}', '{"c": ["1" * n, "x"]}']
)
def test_a_number_of_many_digits_is_read_once(value: str) -> None:
    judgement = _judge(_FORGED.replace("VALUE", value), 100_000, 1)
    assert judgement.cases[0].verdict is Verdict.FORBIDDEN
    assert judgement.cases[1].verdict is not Verdict.ACCEPTED


@pytest.mark.parametrize("stop", ["first_limit", "first_failure"])
@pytest.mark.parametrize("expected", [1, {1, 2}])
@pytest.mark.parametrize(
    "wrapped",
    ["OrderedDict([(1, value)])", "Counter({1: value})", "defaultdict(None, {1: value})", "[value]", "{1: value}"],
)
def test_a_value_of_many_levels_is_wrong_and_shown_in_part(wrapped: str, expected: Any, stop: str) -> None:
    judgement = _judge(_NESTED.replace("WRAPPED", wrapped), 198, expected, stop)
    assert judgement.cases[0].verdict is Verdict.WRONG_ANSWER
    assert "..." in judgement.cases[0].output
    assert len(judgement.cases[0].output) <= 1000


def test_a_set_of_what_is_deep_is_wrong() -> None:
    program = _FORGED.replace("VALUE", '{"s": [value]}').replace(
        "    text", '    value = 1\n    for _ in range(n): value = {"e": [None, [[1, value]]]}\n    text', 1
    )
    assert _judge(program, 190, {1, 2}).cases[0].verdict is Verdict.WRONG_ANSWER


def test_a_judge_goes_on_after_a_deep_value() -> None:
    problem = Problem("hostile", "", (CallCase((198,), 1),), entry_point="f")
    with Judge(workers=1, stop="first_failure") as judge:
        judge.judge(_NESTED.replace("WRAPPED", "Counter({1: value})"), problem)
        assert judge.judge("def f(n): return 1", problem).passed
