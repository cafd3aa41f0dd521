"""verify: which problems have a reference solution that passes."""

from concurrent.futures import Future

import pytest

from coderl_env.datasets import DatasetError, ProblemSet, Verification, load_dataset, verify
from coderl_env.outcome import CaseResult, Judgement, Verdict, decide_outcome
from coderl_env.problem import Problem, StdioCase


class FakeJudge:
    """Accepts the program `right`."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        self.seen.append((problem.id, program))
        verdict = Verdict.ACCEPTED if program == "right" else Verdict.WRONG_ANSWER
        future: Future[Judgement] = Future()
        future.set_result(Judgement(decide_outcome(True, [verdict]), (CaseResult(verdict),), "none", "lines", "0"))
        return future


def problem(name: str, *solutions: str) -> Problem:
    return Problem(name, "?", (StdioCase("", ""),), solutions=solutions)


def test_solutions_are_tried_until_one_passes() -> None:
    judge = FakeJudge()
    reported: list[Verification] = []
    problems = (
        problem("first", "right", "unused"),
        problem("second", "wrong", "right"),
        problem("none"),
        problem("never", "wrong", "wrong"),
        problem("late", "wrong", "wrong", "right"),
    )
    results = verify(ProblemSet("x", "y", problems), judge, max_solutions=2, on_result=reported.append)
    assert [(result.problem_id, result.passed, result.tried) for result in results] == [
        ("first", True, 1),
        ("second", True, 2),
        ("none", False, 0),
        ("never", False, 2),
        ("late", False, 2),
    ]
    assert results[2].judgement is None
    assert sorted(result.problem_id for result in reported) == sorted(result.problem_id for result in results)
    assert all(result in results for result in reported)
    assert ("first", "unused") not in judge.seen


def test_endless_sets_and_wrong_counts_are_refused() -> None:
    with pytest.raises(DatasetError, match="synth/train has no end"):
        verify(load_dataset("synth"), FakeJudge())
    with pytest.raises(ValueError, match="max_solutions must be 1 or more, not 0"):
        verify(ProblemSet("x", "y", (problem("a"),)), FakeJudge(), max_solutions=0)
