"""Whether the reference solutions of a data set pass its tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coderl_env.datasets.dataset import Dataset, DatasetError
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Submits", "Verification", "verify"]


class Submits(Protocol):
    """The part of the judge that is needed here."""

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Judge a program in the background."""
        ...


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of one problem's reference solutions.

    Attributes:
        problem_id: the problem.
        passed: whether one of those tried passed all tests.
        tried: number of solutions judged; 0 where there are none.
        judgement: of the one that passed, otherwise of the last one tried; None where there are none.
    """

    problem_id: str
    passed: bool
    tried: int
    judgement: Judgement | None = None


def verify(
    dataset: Dataset,
    judge: Submits,
    max_solutions: int = 3,
    on_result: Callable[[Verification], None] | None = None,
) -> list[Verification]:
    """Judge the reference solutions of every problem until one passes.

    Args:
        dataset: a finite data set.
        judge: the judge; first solutions of all problems are judged concurrently, then the second of those left, ...
        max_solutions: how many solutions of one problem to try, from the first.
        on_result: called with each problem's result as soon as it is known.

    Returns:
        One result per problem, in the data set's order.

    Raises:
        DatasetError: the data set has no end.
        ValueError: `max_solutions` is below 1.
        JudgeError: the judge failed.
    """
    if dataset.size < 0:
        raise DatasetError(f"data set {dataset.name}/{dataset.split} has no end and cannot be verified as a whole")
    if max_solutions < 1:
        raise ValueError(f"max_solutions must be 1 or more, not {max_solutions!r}")
    results: dict[str, Verification] = {}
    waiting = list(dataset)
    for index in range(max_solutions + 1):
        futures = [
            (problem, judge.submit(problem.solutions[index], problem))
            for problem in waiting
            if index < min(max_solutions, len(problem.solutions))
        ]
        going_on = {problem.id for problem, _ in futures}
        for problem in waiting:
            if problem.id not in going_on:
                _report(results.setdefault(problem.id, Verification(problem.id, False, 0)), on_result)
        waiting = []
        for problem, future in futures:
            judgement = future.result()
            results[problem.id] = Verification(problem.id, judgement.passed, index + 1, judgement)
            if judgement.passed:
                _report(results[problem.id], on_result)
            else:
                waiting.append(problem)
    return [results[problem.id] for problem in dataset]


def _report(result: Verification, on_result: Callable[[Verification], None] | None) -> None:
    if on_result is not None:
        on_result(result)
