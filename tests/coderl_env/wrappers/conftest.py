"""Problems with and without examples, and a judge that knows the answers without running anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from coderl_env.datasets import ProblemSet
from coderl_env.env import ProgramEnv
from coderl_env.judge import JudgeError
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import CallCase, Problem, StdioCase

HIDDEN = "987654"
ECHO = Problem(
    "toy/echo",
    "Print what you read.",
    (StdioCase(f"{HIDDEN}\n", f"{HIDDEN}\n"), StdioCase("23\n", "23\n")),
    examples=(StdioCase("23\n", "23\n"), StdioCase("4\n", "4\n")),
)
DOUBLE = Problem(
    "toy/double",
    "Return twice the number.",
    (CallCase((987654,), 2 * 987654),),
    examples=(CallCase((2,), 4),),
    starter_code="def double(n):\n    ",
    entry_point="double",
)
BARE = Problem("toy/bare", "Print 1.", (StdioCase("", "1\n"),))

# What the programs of these tests do, by what they contain: outcome and verdict of every test.
_CONTAINS = {
    "broken": (Outcome.COMPILE_ERROR, CaseResult(Verdict.NOT_RUN)),
    "raise": (Outcome.RUNTIME_ERROR, CaseResult(Verdict.EXCEPTION, "", "KeyError", 1, "'x'")),
    "slow": (Outcome.RUNTIME_ERROR, CaseResult(Verdict.TIME_LIMIT)),
    "wrong": (Outcome.FAILED_TEST, CaseResult(Verdict.WRONG_ANSWER, "7\n")),
    "right": (Outcome.PASSED, CaseResult(Verdict.ACCEPTED)),
}


class KeywordJudge:
    """Judges a program by the word it contains; `cheat` passes the examples only, `crash` is the judge's own fault."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    def judge(self, program: str, problem: Problem) -> Judgement:
        hidden = HIDDEN in repr(problem.tests)
        self.asked.append((program, hidden))
        if "crash" in program and not hidden:
            raise JudgeError("no worker")
        word = program.replace("cheat", "wrong" if hidden else "right")
        outcome, case = next(value for key, value in _CONTAINS.items() if key in word)
        error = "SyntaxError: invalid syntax (line 2)" if outcome is Outcome.COMPILE_ERROR else ""
        return Judgement(outcome, (case,) * len(problem.tests), "none", "lines", "test", error)

    def close(self) -> None: ...


@pytest.fixture
def keyword_judge() -> KeywordJudge:
    return KeywordJudge()


@pytest.fixture
def make_env(keyword_judge: KeywordJudge) -> Callable[..., ProgramEnv]:
    """Return a function that makes an environment on the three problems; programs as actions, unless told."""

    def make(**settings: Any) -> ProgramEnv:
        toy = ProblemSet("toy", "all", (ECHO, DOUBLE, BARE))
        defaults = {
            "dataset": toy,
            "judge": keyword_judge,
            "max_prompt_tokens": 256,
            "max_program_tokens": 32,
            "action_mode": "program",
        }
        return ProgramEnv(**{**defaults, **settings})

    return make
