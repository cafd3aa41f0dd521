"""A data set: the problems that an environment draws from, and the finite kind of it.

Not here: where problems are read from (`coderl_env.datasets.locate`, `.apps`, `.mbpp`, `.humaneval`, `.jsonl`) and the
procedural kind (`coderl_env.datasets.synth`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from coderl_env.naming import unknown_name
from coderl_env.problem import Problem

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Dataset", "DatasetError", "ProblemSet"]


class DatasetError(ValueError):
    """Data that cannot be used: missing, malformed or empty. The message says where and what to do."""


@runtime_checkable
class Dataset(Protocol):
    """What the library asks of a data set.

    Attributes:
        name: `apps`, `mbpp`, `humaneval`, `synth`.
        split: which part, such as `sample`, `train`, `test`.
        size: number of problems served; -1 where they never end.
        skipped: problems without tests: they load and are counted, but are never served.
    """

    @property
    def name(self) -> str: ...

    @property
    def split(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def skipped(self) -> int: ...

    def draw(self, rng: np.random.Generator) -> Problem:
        """Return a problem chosen by `rng`, and by nothing else."""
        ...

    def get(self, problem_id: str) -> Problem:
        """Return the problem with that id, or raise a ValueError that names the nearest ids."""
        ...

    def __iter__(self) -> Iterator[Problem]:
        """Yield the problems in a fixed order; without end where `size` is -1."""
        ...


@dataclass(frozen=True)
class ProblemSet:
    """A finite data set, held in memory.

    Attributes:
        name: name of the data set.
        split: which part of it.
        problems: the problems served, in order, each with at least one test and an id of its own.
        skipped: problems left out because they have no tests.

    Raises:
        DatasetError: there is no problem to serve, one has no tests, or two share an id.
    """

    name: str
    split: str
    problems: tuple[Problem, ...]
    skipped: int = 0
    _by_id: dict[str, Problem] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "problems", tuple(self.problems))
        by_id: dict[str, Problem] = {}
        for problem in self.problems:
            if not problem.tests:
                raise DatasetError(
                    f"problem {problem.id!r} of {self.name}/{self.split} has no tests and cannot be served; "
                    "ProblemSet.of leaves such problems out"
                )
            if problem.id in by_id:
                raise DatasetError(
                    f"two problems of {self.name}/{self.split} have the id {problem.id!r}; ids are unique"
                )
            by_id[problem.id] = problem
        if not by_id:
            left_out = f"; {self.skipped} without tests were left out" if self.skipped else ""
            raise DatasetError(f"data set {self.name}/{self.split} has no problem to serve{left_out}")
        object.__setattr__(self, "_by_id", by_id)

    @classmethod
    def of(cls, name: str, split: str, problems: Iterable[Problem]) -> ProblemSet:
        """Return the set of those `problems` that have tests; the others are counted in `skipped`."""
        everything = tuple(problems)
        served = tuple(problem for problem in everything if problem.tests)
        return cls(name, split, served, len(everything) - len(served))

    @property
    def size(self) -> int:
        """Number of problems served."""
        return len(self.problems)

    def draw(self, rng: np.random.Generator) -> Problem:
        """Return a problem, each with the same probability."""
        return self.problems[int(rng.integers(len(self.problems)))]

    def get(self, problem_id: str) -> Problem:
        """Return the problem with that id.

        Raises:
            ValueError: no problem that is served has that id.
        """
        try:
            return self._by_id[problem_id]
        except (KeyError, TypeError):
            raise ValueError(_unknown_problem(self, problem_id)) from None

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)

    def __len__(self) -> int:
        return len(self.problems)


def _unknown_problem(dataset: ProblemSet, problem_id: object) -> str:
    """Like `unknown_name`, without listing thousands of ids."""
    ids = [problem.id for problem in dataset.problems]
    if len(ids) <= _LISTED_IDS:
        return unknown_name("problem", problem_id, ids)
    nearest = difflib.get_close_matches(str(problem_id), ids, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(map(repr, nearest))}?" if nearest else f"ids look like {ids[0]!r}."
    return f"unknown problem {problem_id!r} of {dataset.name}/{dataset.split} ({len(ids)} problems); {hint}"


_LISTED_IDS = 12
