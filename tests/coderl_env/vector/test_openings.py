"""Prompts are encoded once, and not for ever."""

from __future__ import annotations

from dataclasses import replace

from coderl_env.env.rules import Opening
from coderl_env.problem import Problem
from coderl_env.vector.openings import Openings


class CountingRules:
    """Makes openings that hold nothing, and counts them."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open(self, problem: Problem) -> Opening:
        self.opened.append(problem.id)
        return Opening(problem, (), (), {})


def test_an_equal_problem_is_opened_once(echo: Problem) -> None:
    rules = CountingRules()
    openings = Openings(rules)  # type: ignore[arg-type]
    assert openings.open(echo) is openings.open(echo) is openings.open(replace(echo))
    assert rules.opened == ["toy/echo"]


def test_another_problem_of_the_same_id_is_opened_anew(echo: Problem) -> None:
    rules = CountingRules()
    openings = Openings(rules)  # type: ignore[arg-type]
    other = replace(echo, statement="Something else.")
    assert [openings.open(problem).problem for problem in (echo, other, echo)] == [echo, other, echo]
    assert len(rules.opened) == 3


def test_only_the_latest_are_kept(echo: Problem) -> None:
    rules = CountingRules()
    openings = Openings(rules, capacity=2)  # type: ignore[arg-type]
    first, second, third = (replace(echo, id=name) for name in "abc")
    for problem in (first, second, first, third, first, second):
        openings.open(problem)
    assert rules.opened == ["a", "b", "c", "b"]
