"""The samples that ship with the package."""

from collections import Counter
from collections.abc import Iterator

import pytest

from coderl_env.datasets import load_dataset, verify, wrong_solutions
from coderl_env.datasets.samples import sample_rows
from coderl_env.judge import Judge
from coderl_env.outcome import Outcome
from coderl_env.problem import AssertCase

NAMES = ("apps", "mbpp", "humaneval")
JUDGED = [pytest.param(name, marks=pytest.mark.slow) if name == "apps" else name for name in NAMES]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as running:
        yield running


def test_apps_sample_is_as_large_as_promised() -> None:
    problems = list(load_dataset("apps"))
    by_difficulty = Counter(problem.difficulty for problem in problems)
    assert set(by_difficulty) == {"introductory", "interview", "competition"}
    assert min(by_difficulty.values()) >= 20
    kinds = Counter("stdin" if problem.entry_point is None else "call" for problem in problems)
    assert min(kinds["stdin"], kinds["call"]) >= 10
    for problem in problems:
        assert problem.id.startswith("apps/sample/")
        assert len(problem.tests) >= 10, problem.id
        assert len(set(map(repr, problem.tests))) == len(problem.tests), problem.id
        assert len(set(problem.solutions)) >= 2, problem.id


def test_mbpp_and_humaneval_samples_are_as_large_as_promised() -> None:
    for name, problems, tests in (("mbpp", 20, 4), ("humaneval", 12, 6)):
        dataset = load_dataset(name)
        assert dataset.size >= problems
        for problem in dataset:
            assert len(problem.tests) >= tests, problem.id
            assert all(isinstance(case, AssertCase) for case in problem.tests)
            assert problem.entry_point


@pytest.mark.parametrize("name", NAMES)
def test_statements_show_examples_that_can_be_read(name: str) -> None:
    dataset = load_dataset(name)
    assert dataset.skipped == 0
    assert [problem.id for problem in dataset if not problem.examples] == []


@pytest.mark.parametrize("name", JUDGED)
def test_every_reference_solution_passes(name: str, judge: Judge) -> None:
    dataset = load_dataset(name)
    assert [result.problem_id for result in verify(dataset, judge, max_solutions=1) if not result.passed] == []
    pairs = [(solution, problem) for problem in dataset for solution in problem.solutions[1:]]
    failed = [problem.id for (_, problem), got in zip(pairs, judge.judge_many(pairs), strict=True) if not got.passed]
    assert failed == []


@pytest.mark.parametrize("name", JUDGED)
def test_every_wrong_solution_runs_and_is_rejected(name: str, judge: Judge) -> None:
    dataset = load_dataset(name)
    programs = wrong_solutions(name)
    assert set(programs) == {problem.id for problem in dataset}
    assert all(programs.values())
    pairs = [(program, dataset.get(problem_id)) for problem_id, group in programs.items() for program in group]
    for (_, problem), judgement in zip(pairs, judge.judge_many(pairs), strict=True):
        assert judgement.outcome in (Outcome.FAILED_TEST, Outcome.RUNTIME_ERROR), problem.id


@pytest.mark.parametrize("name", NAMES)
def test_rows_name_their_origin(name: str) -> None:
    rows = list(sample_rows(name))
    assert {row.text("split") for row in rows} == {"sample"}
