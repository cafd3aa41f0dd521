"""The problems that an environment serves: a data set, seen with the tests that are to decide.

Not here: data sets themselves (`coderl_env.datasets`).
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from types import NoneType
from weakref import WeakValueDictionary

import numpy as np

from coderl_env.datasets import Dataset, ProblemSet, load_dataset
from coderl_env.datasets.locate import DATA_VARIABLE
from coderl_env.env.arguments import check_choice, check_names
from coderl_env.problem import Problem

__all__ = ["TESTS", "ProblemSource", "choose_tests", "open_source"]

TESTS = ("hidden", "examples", "all")

# The data sets in use: hundreds of environments, as in a vector, read and hold theirs once.
_loaded: WeakValueDictionary[Hashable, Dataset] = WeakValueDictionary()

# Draws from an endless data set before it counts as one without examples.
_DRAWS = 1000


def choose_tests(problem: Problem, tests: str) -> Problem:
    """Return `problem` with the tests that are to decide; there may be none.

    Args:
        problem: the problem.
        tests: `hidden` (the problem's tests), `examples` (those of its statement) or `all` (the examples first, then
            the hidden tests that are not among them; examples of another kind than those are left out).
    """
    if tests == "hidden":
        return problem
    if tests == "examples":
        return replace(problem, tests=problem.examples)
    kinds = {type(case) for case in problem.tests}
    examples = tuple(case for case in problem.examples if not kinds or type(case) in kinds)
    return replace(problem, tests=examples + tuple(case for case in problem.tests if case not in examples))


class ProblemSource:
    """A data set under a choice of tests. Problems that have none under that choice are left out."""

    def __init__(self, dataset: Dataset, tests: str = "hidden") -> None:
        check_choice("choice of tests", tests, TESTS)
        self._tests = tests
        self._whole = dataset  # kept, so that other environments find it
        self._dataset = dataset
        if tests != "hidden" and isinstance(dataset, ProblemSet):
            chosen = (choose_tests(problem, tests) for problem in dataset.problems)
            self._dataset = ProblemSet.of(dataset.name, dataset.split, chosen)
        self.name = dataset.name
        self.split = dataset.split
        self.size = self._dataset.size

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems served, or none where they never end."""
        return tuple(self._dataset) if self.size >= 0 else ()

    def draw(self, rng: np.random.Generator) -> Problem:
        """Return a problem chosen by `rng` alone.

        Raises:
            ValueError: no problem with such tests turns up.
        """
        for _ in range(_DRAWS):
            problem = choose_tests(self._dataset.draw(rng), self._tests)
            if problem.tests:
                return problem
        raise ValueError(f"tests={self._tests!r}: none of {_DRAWS} problems of {self.name}/{self.split} has any")

    def get(self, problem_id: str) -> Problem:
        """Return the problem with that id.

        Raises:
            ValueError: there is none, or it has no such tests.
        """
        problem = choose_tests(self._dataset.get(problem_id), self._tests)
        if not problem.tests:
            raise ValueError(f"tests={self._tests!r}: problem {problem_id!r} has none, so nothing could decide")
        return problem


def open_source(
    dataset: str | Dataset,
    split: str | None,
    data_dir: str | Path | None,
    difficulties: Sequence[str] | None,
    tests: str,
) -> ProblemSource:
    """Return the problems of a data set, named or given, under a choice of tests.

    Raises:
        ValueError: an argument is unknown or unusable, or a data set is given together with a choice of its part.
    """
    check_names("difficulties", difficulties)
    if not isinstance(split, (str, NoneType)):
        raise ValueError(f"split must be a name or None, not {split!r}")
    if not isinstance(data_dir, (str, Path, NoneType)):
        raise ValueError(f"data_dir must be a path or None, not {data_dir!r}")
    if isinstance(dataset, str):
        return ProblemSource(_load_shared(dataset, split, data_dir, difficulties), tests)
    if not isinstance(dataset, Dataset):
        raise ValueError(f"dataset must be a name or a Dataset, not {type(dataset).__name__} {dataset!r:.60}")
    if (split, data_dir, difficulties) != (None, None, None):
        raise ValueError("split, data_dir and difficulties belong to the data set that is given; leave them out")
    return ProblemSource(dataset, tests)


def _load_shared(
    name: str, split: str | None, data_dir: str | Path | None, difficulties: Sequence[str] | None
) -> Dataset:
    """Load a data set, or return the equal one that another environment of this process holds."""
    chosen = None if difficulties is None else tuple(difficulties)
    key = (name, split, data_dir, chosen, os.environ.get(DATA_VARIABLE))
    dataset = _loaded.get(key)
    if dataset is None:
        dataset = load_dataset(name, split, data_dir, difficulties)
        _loaded[key] = dataset
    return dataset
