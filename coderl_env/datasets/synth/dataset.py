"""Synth as an endless data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from coderl_env.datasets.synth.generator import LEVELS, SPLITS, generate
from coderl_env.naming import unknown_name
from coderl_env.problem import Problem

__all__ = ["SynthDataset", "check_levels"]

_INDEX_BOUND = 2**40


def check_levels(levels: Sequence[str]) -> tuple[str, ...]:
    """Return `levels` as a tuple.

    Raises:
        ValueError: none is given, or one is unknown.
    """
    if isinstance(levels, str):
        levels = (levels,)
    for level in levels:
        if level not in LEVELS:
            raise ValueError(unknown_name("Synth level", level, LEVELS))
    if not levels:
        raise ValueError(f"Synth got no levels; give at least one of {', '.join(LEVELS)}")
    return tuple(levels)


class SynthDataset:
    """Procedurally generated problems in the format of APPS; endless, and the same on every machine.

    An id `synth/<split>/<level>/<index>` alone determines its problem. The splits share no composition of operations.

    Attributes:
        name: `synth`.
        split: `train`, `validation` or `test`.
        levels: the levels that `draw` and iteration serve.
        size: -1, endless.
        skipped: 0, every problem has tests.

    Raises:
        ValueError: an unknown split or level.
    """

    name = "synth"
    size = -1
    skipped = 0

    def __init__(self, split: str = "train", levels: Sequence[str] = LEVELS) -> None:
        if split not in SPLITS:
            raise ValueError(unknown_name("Synth split", split, SPLITS))
        self.split = split
        self.levels = check_levels(levels)

    def draw(self, rng: np.random.Generator) -> Problem:
        """Return a random problem; levels are equally likely."""
        level = self.levels[int(rng.integers(len(self.levels)))]
        return generate(self.split, level, int(rng.integers(_INDEX_BOUND))).problem

    def get(self, problem_id: str) -> Problem:
        """Return the problem with this id.

        Raises:
            ValueError: the id is malformed, or of another split or of levels that are not served.
        """
        parts = problem_id.split("/")
        if len(parts) != 4 or parts[0] != self.name or not _is_index(parts[3]):
            raise ValueError(
                f"unknown Synth problem {problem_id!r}; an id looks like synth/{self.split}/{self.levels[0]}/0"
            )
        if parts[1] != self.split:
            raise ValueError(unknown_name(f"split in the Synth problem id {problem_id!r},", parts[1], [self.split]))
        if parts[2] not in self.levels:
            raise ValueError(unknown_name(f"level in the Synth problem id {problem_id!r},", parts[2], self.levels))
        return generate(self.split, parts[2], int(parts[3])).problem

    def __iter__(self) -> Iterator[Problem]:
        """Yield index 0 of every level, then index 1, without end."""
        index = 0
        while True:
            for level in self.levels:
                yield generate(self.split, level, index).problem
            index += 1


def _is_index(text: str) -> bool:
    """Whether `text` is an index as ids are written: no sign, no leading zero, below the bound."""
    return text.isascii() and text.isdigit() and len(text) < 14 and str(int(text)) == text and int(text) < _INDEX_BOUND
