"""Evaluation with examples: exact budgets, the order of handing in, and that the agent sees public tests only."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from coderl_env.agent import Examine, Program, Sampling, Task
from coderl_env.experiment.critic_sampling import evaluate_with_examples, handed_in
from coderl_env.judge import JudgeError
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem, StdioCase
from coderl_env.reward import coderl

SHOWN, HIDDEN = StdioCase("1\n", "1\n"), StdioCase("2\n", "2\n")
PROBLEMS = [
    Problem("p/1", "One.", (HIDDEN,), examples=(SHOWN,)),
    Problem("p/2", "Two.", (HIDDEN,)),
]


class Judge:
    """Passes `right` on everything, `shown` on the examples only."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, tuple[object, ...]]] = []

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        self.seen.append((problem.id, program, problem.tests))
        future: Future[Judgement] = Future()
        if program == "broken":
            future.set_exception(JudgeError("no worker"))
            return future
        passed = program == "right" or (program == "shown" and problem.tests == (SHOWN,))
        verdict = Verdict.ACCEPTED if passed else Verdict.WRONG_ANSWER
        outcome = Outcome.PASSED if passed else Outcome.FAILED_TEST
        future.set_result(Judgement(outcome, (CaseResult(verdict),), "none", "lines", "1"))
        return future


class Agent:
    """Hands in `texts`, after it has looked at what the examples say."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.told: list[Judgement | None] = []

    def generate_with_examples(
        self, tasks: list[Task], budget: int, sampling: Sampling, examine: Examine
    ) -> list[list[Program]]:
        assert all(HIDDEN not in task.examples for task in tasks)
        self.told = examine([(task, text) for task in tasks for text in self.texts])
        return [[Program(text) for text in self.texts] for _ in tasks]


def evaluated(agent: Agent, judge: Judge, budget: int = 2):  # type: ignore[no-untyped-def]
    return evaluate_with_examples(agent, PROBLEMS, judge, budget=budget, sampling=Sampling(0.6), reward=coderl)


def test_examples_decide_nothing_and_hidden_tests_all() -> None:
    agent, judge = Agent("shown", "right"), Judge()
    evaluation = evaluated(agent, judge)
    assert handed_in(evaluation, 1) == [0.0, 0.0]
    assert handed_in(evaluation, 2) == [1.0, 1.0]
    assert [episode.reward for episode in evaluation.sampled[0]] == [-0.3, 1.0]
    # The problem without examples told the agent nothing.
    assert [told and told.passed for told in agent.told] == [True, True, None, None]
    assert {tests for name, _, tests in judge.seen if name == "p/1"} == {(SHOWN,), (HIDDEN,)}
    assert evaluation.outcomes == {"compile_error": 0, "runtime_error": 0, "failed_test": 2, "passed": 2}


def test_another_number_of_programs_is_refused() -> None:
    with pytest.raises(ValueError, match="generated 2 programs for p/1, and its budget was 3"):
        evaluated(Agent("right", "right"), Judge(), budget=3)
    with pytest.raises(ValueError, match="k must be between 1 and the 2 programs, not 3"):
        handed_in(evaluated(Agent("right", "right"), Judge()), 3)


def test_a_program_that_was_not_judged_gives_no_figure() -> None:
    with pytest.raises(JudgeError):
        evaluated(Agent("right", "broken"), Judge())
