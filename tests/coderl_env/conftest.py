"""A small data set, and a judge that decides without running anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from coderl_env.datasets import ProblemSet
from coderl_env.env import ProgramEnv
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import CallCase, Problem, StdioCase

ECHO = Problem(
    "toy/echo",
    "Print what you read.",
    (StdioCase("1\n", "1\n"), StdioCase("23\n", "23\n"), StdioCase("\n", "\n")),
    examples=(StdioCase("23\n", "23\n"), StdioCase("4\n", "4\n")),
    solutions=("print(input())\n",),
)
DOUBLE = Problem(
    "toy/double",
    "Return twice the number.",
    (CallCase((2,), 4), CallCase((-1,), -2)),
    starter_code="def double(n):\n    ",
    entry_point="double",
    solutions=("def double(n):\n    return 2 * n\n",),
    difficulty="introductory",
)


class LookupJudge:
    """Passes a program that is among the problem's solutions, fails half of the tests of any other."""

    def __init__(self) -> None:
        self.programs: list[str] = []
        self.problems: list[Problem] = []
        self.closed = 0

    def judge(self, program: str, problem: Problem) -> Judgement:
        self.programs.append(program)
        self.problems.append(problem)
        if "\0" in program:
            cases = tuple(CaseResult(Verdict.NOT_RUN) for _ in problem.tests)
            return Judgement(Outcome.COMPILE_ERROR, cases, "none", "lines", "test", "NUL byte")
        right = program in problem.solutions
        half = len(problem.tests) // 2
        cases = tuple(
            CaseResult(Verdict.ACCEPTED if right or number < half else Verdict.WRONG_ANSWER, "4", cpu_seconds=number)
            for number in range(len(problem.tests))
        )
        return Judgement(Outcome.PASSED if right else Outcome.FAILED_TEST, cases, "none", "lines", "test")

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Ray cluster: a head without processors, and two nodes with two each."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=2)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def echo() -> Problem:
    return ECHO


@pytest.fixture
def double() -> Problem:
    return DOUBLE


@pytest.fixture
def toy() -> ProblemSet:
    return ProblemSet("toy", "all", (ECHO, DOUBLE))


@pytest.fixture
def lookup_judge() -> LookupJudge:
    return LookupJudge()


@pytest.fixture
def make_env(toy: ProblemSet, lookup_judge: LookupJudge) -> Callable[..., ProgramEnv]:
    """Return a function that makes an environment on the two toy problems."""

    def make(**settings: Any) -> ProgramEnv:
        defaults = {"dataset": toy, "judge": lookup_judge, "max_prompt_tokens": 64, "max_program_tokens": 32}
        return ProgramEnv(**{**defaults, **settings})

    return make
