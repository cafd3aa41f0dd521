"""Two problems, programs for them, and a judge that fails."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from coderl_env.datasets import ProblemSet
from coderl_env.judge import JudgeError
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import CallCase, Problem, StdioCase

ECHO = Problem("toy/echo", "Print what you read.", (StdioCase("1\n", "1\n"), StdioCase("23\n", "23\n")))
DOUBLE = Problem(
    "toy/double",
    "Return twice the number.",
    (CallCase((2,), 4), CallCase((-1,), -2)),
    starter_code="def double(n):\n    ",
    entry_point="double",
)


class WordJudge:
    """Passes programs with `right`, cannot judge those with `crash`, fails half of the tests of others."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def judge(self, program: str, problem: Problem) -> Judgement:
        self.asked.append((problem.id, program))
        if "crash" in program:
            raise JudgeError("no worker")
        right = "right" in program
        cases = (CaseResult(Verdict.ACCEPTED), CaseResult(Verdict.ACCEPTED if right else Verdict.WRONG_ANSWER))
        return Judgement(Outcome.PASSED if right else Outcome.FAILED_TEST, cases, "none", "lines", "test")

    def close(self) -> None: ...


@dataclass(frozen=True)
class Toy:
    """The problems and the judge, as settings of a scorer."""

    dataset: ProblemSet
    judge: WordJudge

    @property
    def settings(self) -> dict[str, object]:
        return {"dataset": self.dataset, "judge": self.judge}


@pytest.fixture
def toy() -> Toy:
    return Toy(ProblemSet("toy", "all", (ECHO, DOUBLE)), WordJudge())
