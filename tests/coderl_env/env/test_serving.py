"""Which tests decide, and which problems are served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from coderl_env.datasets import ProblemSet
from coderl_env.env.serving import ProblemSource, choose_tests, open_source
from coderl_env.problem import CallCase, Problem, StdioCase


class Endless:
    """A data set without end, half of whose problems have examples."""

    name, split, size, skipped = "endless", "train", -1, 0

    def __init__(self, problem: Problem, with_examples: bool) -> None:
        self._problem = problem
        self._with_examples = with_examples

    def draw(self, rng: np.random.Generator) -> Problem:
        number = int(rng.integers(100))
        keep = self._with_examples and number % 2 == 0
        return replace(self._problem, id=f"e/{number}", examples=self._problem.examples if keep else ())

    def get(self, problem_id: str) -> Problem:
        return replace(self._problem, id=problem_id, examples=())

    def __iter__(self) -> Iterator[Problem]:
        raise AssertionError("an endless data set must not be listed")


def test_examples_of_another_kind_are_left_out_of_all(echo: Problem) -> None:
    mixed = replace(echo, examples=(CallCase((1,), 2),), entry_point="f")
    assert choose_tests(mixed, "all").tests == echo.tests
    assert choose_tests(mixed, "examples").tests == mixed.examples


def test_all_tests_come_once_and_examples_first(echo: Problem) -> None:
    stdins = [case.stdin for case in choose_tests(echo, "all").tests if isinstance(case, StdioCase)]
    assert stdins == ["23\n", "4\n", "1\n", "\n"]


def test_an_endless_data_set_is_drawn_from_until_there_are_tests(echo: Problem) -> None:
    source = ProblemSource(Endless(echo, True), "examples")
    rng = np.random.default_rng(0)
    assert source.size == -1
    assert source.problems == ()
    assert all(source.draw(rng).tests == echo.examples for _ in range(20))
    with pytest.raises(ValueError, match="problem 'e/1' has none"):
        source.get("e/1")


def test_an_endless_data_set_without_examples_says_so(echo: Problem) -> None:
    source = ProblemSource(Endless(echo, False), "examples")
    with pytest.raises(ValueError, match="tests='examples': none of 1000 problems of endless/train has any"):
        source.draw(np.random.default_rng(0))


def test_a_given_data_set_takes_no_choice_of_its_part(toy: ProblemSet) -> None:
    for settings in (("train", None, None), (None, "/data", None), (None, None, ["1"])):
        with pytest.raises(ValueError, match="belong to the data set that is given"):
            open_source(toy, *settings, tests="hidden")


def test_environments_of_a_process_hold_one_copy_of_their_data() -> None:
    first = open_source("apps", None, None, ["interview"], "hidden")
    second = open_source("apps", None, None, ("interview",), "hidden")
    other = open_source("apps", None, None, ["introductory"], "hidden")
    assert second.problems[0] is first.problems[0]
    assert other.problems[0].difficulty == "introductory"
