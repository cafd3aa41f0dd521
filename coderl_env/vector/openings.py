"""The openings that a vector has made: a problem's prompt is encoded once, not at each of its episodes."""

from __future__ import annotations

from coderl_env.env.rules import Opening, Rules
from coderl_env.problem import Problem

__all__ = ["Openings"]

# Enough for every problem of APPS; an endless data set must not fill the memory.
_CAPACITY = 8192


class Openings:
    """Openings of episodes, by problem.

    Args:
        rules: makes them.
        capacity: how many are kept; beyond that, the oldest goes.
    """

    def __init__(self, rules: Rules, capacity: int = _CAPACITY) -> None:
        self._rules = rules
        self._capacity = capacity
        self._known: dict[str, Opening] = {}

    def open(self, problem: Problem) -> Opening:
        """Return how an episode on `problem` begins.

        Raises:
            ValueError: the problem does not fit the windows.
        """
        known = self._known.pop(problem.id, None)
        # A data set of the caller's may give an id to several problems.
        if known is None or (known.problem is not problem and known.problem != problem):
            known = self._rules.open(problem)
            if len(self._known) >= self._capacity:
                del self._known[next(iter(self._known))]
        self._known[problem.id] = known
        return known
