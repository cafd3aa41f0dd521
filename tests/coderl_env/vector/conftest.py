"""Vectors on the toy problems, and a judge whose answers wait until they are let go."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from coderl_env.datasets import ProblemSet
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem
from coderl_env.vector import ProgramVectorEnv


class HeldJudge:
    """Answers as the judge it is made of, but not before `release`."""

    def __init__(self, judge: Any) -> None:
        self._judge = judge
        self.held: list[tuple[Future[Judgement], str, Problem]] = []
        self.most_held = 0

    def judge(self, program: str, problem: Problem) -> Judgement:
        raise AssertionError("a vector submits its programs")

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        future: Future[Judgement] = Future()
        self.held.append((future, program, problem))
        self.most_held = max(self.most_held, len(self.held))
        return future

    def release(self, number: int = 0) -> None:
        """Answer the program that was submitted as the `number`-th of those held."""
        future, program, problem = self.held.pop(number)
        if future.set_running_or_notify_cancel():
            future.set_result(self._judge.judge(program, problem))

    def fail(self, error: Exception) -> None:
        """Answer the program that was submitted first with an error."""
        self.held.pop(0)[0].set_exception(error)

    def close(self) -> None: ...


@pytest.fixture
def held_judge(lookup_judge: Any) -> HeldJudge:
    return HeldJudge(lookup_judge)


@pytest.fixture
def make_vector(toy: ProblemSet, lookup_judge: Any) -> Callable[..., ProgramVectorEnv]:
    """Return a function that makes a vector environment on the two toy problems."""

    def make(num_envs: int = 3, **settings: Any) -> ProgramVectorEnv:
        defaults = {"dataset": toy, "judge": lookup_judge, "max_prompt_tokens": 64, "max_program_tokens": 32}
        return ProgramVectorEnv(num_envs, **{**defaults, **settings})

    return make
